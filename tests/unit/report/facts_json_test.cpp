#include "probes/facts/facts_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "core/error.h"
#include "tests/unit/report/fill.h"

namespace rocekit::facts {
namespace {

using nlohmann::ordered_json;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

/// The sentence that a call throws.
template <class Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const InputError& error) {
    return error.what();
  }
  return "(no error)";
}

/// Through text, as a saved document goes.
template <class T>
ordered_json through_text(const T& value) {
  return parse_json(to_json(value).dump(), "test.json");
}

TEST(FactsJson, NodeOfValuesComesBackTheSame) {
  const auto node = fill::all_values<NodeFacts>();
  EXPECT_EQ(node_from_json(through_text(node), "test.json"), node);
}

TEST(FactsJson, NodeOfMissingFactsComesBackWithEachReason) {
  const auto node = fill::all_missing<NodeFacts>();
  EXPECT_EQ(node_from_json(through_text(node), "test.json"), node);
}

TEST(FactsJson, EmptyNodeComesBackTheSame) {
  EXPECT_EQ(node_from_json(through_text(NodeFacts{}), "test.json"), NodeFacts{});
}

TEST(FactsJson, AnswersComeBackTheSame) {
  const auto answers = fill::all_values<KernelAnswers>();
  EXPECT_EQ(answers_from_json(through_text(answers), "test.json"), answers);
  const auto missing = fill::all_missing<KernelAnswers>();
  EXPECT_EQ(answers_from_json(through_text(missing), "test.json"), missing);
}

TEST(FactsJson, HostStandsAtTheTopBesideDevices) {
  NodeFacts node;
  node.host.hostname = std::string("spark-1");
  const ordered_json json = to_json(node);
  EXPECT_EQ(json.at("hostname"), "spark-1");
  EXPECT_TRUE(json.at("devices").is_array());
  EXPECT_FALSE(json.contains("host"));
}

TEST(FactsJson, MissingFactIsNullWithItsReasonBeside) {
  Port port;
  port.active_mtu = Missing{Why::permission, "open /dev/infiniband/uverbs0: Permission denied"};
  NodeFacts node;
  node.devices.emplace_back().ports.push_back(port);
  const ordered_json json = to_json(node).at("devices").at(0).at("ports").at(0);
  EXPECT_TRUE(json.at("active_mtu").is_null());
  EXPECT_EQ(json.at("missing").at("active_mtu").dump(),
            R"({"why":"permission","detail":"open /dev/infiniband/uverbs0: Permission denied"})");
}

TEST(FactsJson, BytesThatAreNoUtf8BecomeReplacementCharacters) {
  NodeFacts node;
  node.host.hostname = std::string("a\xFF\xC3(b");
  EXPECT_EQ(to_json(node).at("hostname"), "a\xEF\xBF\xBD\xEF\xBF\xBD(b");
  EXPECT_NO_THROW(to_json(node).dump());
}

TEST(FactsJson, UnknownKeysAreIgnored) {
  ordered_json json = to_json(NodeFacts{});
  json["from_a_later_version"] = {{"x", 1}};
  EXPECT_EQ(node_from_json(json, "test.json"), NodeFacts{});
}

TEST(FactsJson, FactWithoutValueAndReasonWasNotRead) {
  ordered_json json = to_json(NodeFacts{});
  json.erase("kernel");
  json.at("missing").erase("kernel");
  EXPECT_EQ(node_from_json(json, "test.json").host.kernel, Fact<std::string>(Missing{Why::not_read, ""}));
}

// ---- what is wrong, and where ----

ordered_json node_with_port() {
  NodeFacts node;
  node.devices.resize(2);
  node.devices[1].ports.resize(1);
  return to_json(node);
}

std::string node_error(const ordered_json& json) {
  return error_of([&] { node_from_json(json, "a.json"); });
}

TEST(FactsJson, WrongTypeNamesThePlace) {
  ordered_json json = node_with_port();
  json["devices"][1]["ports"][0]["active_mtu"] = "4096";
  EXPECT_EQ(node_error(json), "a.json: devices[1].ports[0].active_mtu: expected a whole number, found a string");
}

TEST(FactsJson, EveryKindOfValueIsNamedInTheError) {
  const auto error_for = [](const ordered_json& value) {
    ordered_json json = node_with_port();
    json["devices"][1]["ports"][0]["rate_gbit_s"] = value;
    return node_error(json);
  };
  EXPECT_THAT(error_for(true), HasSubstr("expected a number, found true"));
  EXPECT_THAT(error_for(ordered_json::array()), HasSubstr("found a list"));
  EXPECT_THAT(error_for(ordered_json::object()), HasSubstr("found an object"));
}

TEST(FactsJson, NumbersOutOfRangeAreRefused) {
  const auto error_for = [](const ordered_json& value) {
    ordered_json json = node_with_port();
    json["devices"][1]["ports"][0]["active_mtu"] = value;
    return node_error(json);
  };
  EXPECT_THAT(error_for(3000000000U), HasSubstr("3000000000 is out of range"));
  EXPECT_THAT(error_for(-3000000000LL), HasSubstr("-3000000000 is out of range"));
  EXPECT_THAT(error_for(1.5), HasSubstr("expected a whole number, found the number 1.5"));
}

TEST(FactsJson, NegativeCountersAreRefused) {
  ordered_json json = node_with_port();
  json["devices"][1]["ports"][0]["counters"] = {{"symbol_error", -1}};
  EXPECT_THAT(node_error(json), HasSubstr("devices[1].ports[0].counters.symbol_error: -1 is out of range"));
}

TEST(FactsJson, UnknownWordsAreRefused) {
  ordered_json json = node_with_port();
  json["devices"][0]["kind"] = "rocket";
  EXPECT_EQ(node_error(json), "a.json: devices[0].kind: unknown word \"rocket\"");
  json = node_with_port();
  json["missing"]["kernel"]["why"] = "because";
  EXPECT_EQ(node_error(json), "a.json: missing.kernel.why: unknown word \"because\"");
}

TEST(FactsJson, AbsentListsAndNamesAreToldForNodes) {
  ordered_json json = node_with_port();
  json.erase("devices");
  EXPECT_EQ(node_error(json), "a.json: devices: is not there");
  json = node_with_port();
  json["devices"][0].erase("name");
  EXPECT_EQ(node_error(json), "a.json: devices[0].name: is not there");
}

TEST(FactsJson, AnswersWrittenByHandMayLeaveListsOut) {
  const ordered_json json =
      parse_json(R"({"netdevs": [{"name": "eth0", "link_modes": {"supported_bits": [66]}}]})", "x");
  const KernelAnswers answers = answers_from_json(json, "x");
  EXPECT_THAT(answers.netdevs->at(0).link_modes->supported_bits, ::testing::ElementsAre(66));
  EXPECT_TRUE(answers.netdevs->at(0).link_modes->peer_bits.empty());
  EXPECT_EQ(answers.hostname.missing().why, Why::not_read);
}

TEST(FactsJson, TopThatIsNoObjectIsRefused) {
  EXPECT_EQ(node_error(ordered_json::array()), "a.json: expected an object, found a list");
}

// ---- text ----

std::string parse_error(const std::string& text) {
  return error_of([&] { parse_json(text, "a.json"); });
}

TEST(ParseJson, TruncatedTextIsToldWithLineAndColumn) {
  EXPECT_EQ(parse_error("{\n  \"a\": [1, 2"), "a.json: not JSON: line 2, column 13: unexpected end of input");
}

TEST(ParseJson, WrongTextIsOneShortPrintableSentence) {
  for (const std::string& text :
       {std::string("\x7F\x45LF\x02\x01\x00\x00", 8), std::string("not json"), "[\"" + std::string(100000, 'x'),
        std::string("{\"a\": 1e999}"), std::string("[\"\xFF\"]"), std::string("{} {}"), std::string("[1,]"),
        std::string("\xEF\xBB\xBF"), std::string("{1:2}")}) {
    const std::string error = parse_error(text);
    EXPECT_THAT(error, MatchesRegex("a\\.json: not JSON: .+")) << text.substr(0, 20);
    EXPECT_THAT(error, Not(HasSubstr("json.exception")));
    EXPECT_LT(error.size(), 260U) << error;
  }
}

TEST(ParseJson, EmptyTextIsTold) {
  EXPECT_EQ(parse_error(""), "a.json: empty, expected a JSON document");
  EXPECT_EQ(parse_error(" \n"), "a.json: empty, expected a JSON document");
}

TEST(ParseJson, DeepNestingEndsInASentence) {
  EXPECT_EQ(parse_error(std::string(1000000, '[')), "a.json: is nested deeper than 64 levels");
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  EXPECT_EQ(parse_error(objects), "a.json: is nested deeper than 64 levels");
  EXPECT_NO_THROW(parse_json(std::string(64, '[') + std::string(64, ']'), "a.json"));
}

TEST(ParseJson, HugeTextEndsInASentence) {
  EXPECT_THAT(parse_error(std::string(100U << 20U, ' ') + "{}"), HasSubstr("larger than 32 MiB"));
}

TEST(ParseJson, TooManyValuesEndInASentence) {
  std::string many = "[1";
  for (std::size_t i = 0; i < max_json_values; ++i) many += ",1";
  EXPECT_THAT(parse_error(many + "]"), HasSubstr("more than 2000000 values"));
}

TEST(ParseJson, ObjectOfManyKeysTakesLinearTime) {
  std::string many = "{\"a\":1";
  for (int i = 0; i < 300000; ++i) many += ",\"k" + std::to_string(i) + "\":1";
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(parse_json(many + "}", "a.json").size(), 300001U);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20));
}

}  // namespace
}  // namespace rocekit::facts
