#include "probes/report/json_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "probes/facts/facts_json.h"
#include "tests/unit/checks/sample_node.h"

namespace rocekit::report {
namespace {

using nlohmann::ordered_json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ProbeReport sample_report() { return examine(checks::sample::gb10(), {}); }

ordered_json document() { return render_json(sample_report(), "2026-01-02T03:04:05Z"); }

std::string load_error(const std::string& text) {
  try {
    node_from_document(text, "node.json");
  } catch (const InputError& error) {
    return error.what();
  }
  return "(no error)";
}

TEST(JsonReport, TopOfTheDocument) {
  const ordered_json json = document();
  std::vector<std::string> keys;
  for (const auto& item : json.items()) keys.push_back(item.key());
  EXPECT_THAT(keys, ElementsAre("schema", "schema_version", "tool", "started_at", "hosts", "findings", "verdict"));
  EXPECT_EQ(json.at("schema"), "rocekit/probe");
  EXPECT_EQ(json.at("started_at"), "2026-01-02T03:04:05Z");
  EXPECT_EQ(json.at("tool").at("name"), "roce-probe");
}

TEST(JsonReport, RailsAndPredictionStandInTheHost) {
  const ordered_json host = document().at("hosts").at(0);
  const ordered_json& rail = host.at("rails").at(0);
  EXPECT_EQ(rail.at("devices").dump(), R"(["rocep1s0f0","roceP2p1s0f0"])");
  EXPECT_EQ(rail.at("limited_by"), "link");
  EXPECT_EQ(rail.at("nccl_hca"), "rocep1s0f0,roceP2p1s0f0");
  const ordered_json& prediction = host.at("process").at("predicted_nccl");
  EXPECT_EQ(prediction.at("gid_index").at("rocep1s0f0:1"), 3);
  EXPECT_EQ(prediction.at("socket_ifname"), "enp1s0f0np0");
  EXPECT_EQ(prediction.at("falls_back_to_socket"), false);
}

TEST(JsonReport, FindingsKeepEvidenceAndRemedy) {
  ProbeReport report = sample_report();
  checks::Finding finding;
  finding.id = "ROCE-MTU-001";
  finding.severity = checks::Severity::warning;
  finding.host = "spark-1";
  finding.subject = "enp1s0f0np0";
  finding.title = "MTU is 1500";
  finding.evidence = {{"MTU", "1500", "/sys/class/net/enp1s0f0np0/mtu"}};
  finding.cause = "default";
  finding.remedy = {"ip link set dev enp1s0f0np0 mtu 9000"};
  report.findings = {finding};
  EXPECT_EQ(render_json(report, "").at("findings").dump(),
            R"([{"id":"ROCE-MTU-001","severity":"warning","host":"spark-1","subject":"enp1s0f0np0",)"
            R"("title":"MTU is 1500","evidence":[{"what":"MTU","value":"1500",)"
            R"("source":"/sys/class/net/enp1s0f0np0/mtu"}],"cause":"default",)"
            R"("remedy":["ip link set dev enp1s0f0np0 mtu 9000"],"essential":true}])");
}

TEST(JsonReport, SavedNodeIsLoadedWithoutLoss) {
  EXPECT_EQ(node_from_document(document().dump(2), "node.json"), checks::sample::gb10());
}

TEST(JsonReport, NamesThatAreNoUtf8DoNotStopTheDocument) {
  facts::NodeFacts node = checks::sample::gb10();
  node.host.hostname = std::string("a\xFF");
  node.process.nccl_env["NCCL_\xFF"] = "\xFE";
  node.process.settings.push_back({"NCCL_\xFF", "\xFE", "environment"});
  EXPECT_NO_THROW(render_json(examine(node, {}), "").dump());
}

TEST(LoadDocument, ForeignDocumentsAreRefusedInOneSentence) {
  EXPECT_EQ(load_error("[]"), "node.json: not a rocekit/probe document: expected an object at the top");
  EXPECT_EQ(load_error("{}"), "node.json: not a rocekit/probe document: it names no \"schema\"");
  EXPECT_EQ(load_error(R"({"schema": "other/thing"})"),
            "node.json: not a rocekit/probe document: its schema is \"other/thing\"");
}

TEST(LoadDocument, VersionsOfAnotherMajorNumberAreRefused) {
  ordered_json json = document();
  json["schema_version"] = "2.0.0";
  EXPECT_EQ(load_error(json.dump()),
            "node.json: its schema version is 2.0.0, this roce-probe reads 1.x: use a roce-probe as new as the one "
            "that wrote it");
  json["schema_version"] = "0.9.0";
  EXPECT_THAT(load_error(json.dump()), HasSubstr("save the node again"));
  json["schema_version"] = "one";
  EXPECT_THAT(load_error(json.dump()), HasSubstr("\"schema_version\" is missing or no version"));
  json["schema_version"] = "1.7.3";
  EXPECT_EQ(load_error(json.dump()), "(no error)");
}

TEST(LoadDocument, ExactlyOneHostIsExpected) {
  ordered_json json = document();
  json["hosts"].push_back(json["hosts"][0]);
  EXPECT_THAT(load_error(json.dump()), HasSubstr("it holds 2 nodes"));
  json["hosts"] = ordered_json::array();
  EXPECT_THAT(load_error(json.dump()), HasSubstr("\"hosts\" is empty"));
  json["hosts"] = 3;
  EXPECT_THAT(load_error(json.dump()), HasSubstr("\"hosts\" is missing or no list"));
}

TEST(LoadDocument, WrongValuesNameTheirPlace) {
  ordered_json json = document();
  json["hosts"][0]["devices"][1]["ports"][0]["active_mtu"] = "4096";
  EXPECT_EQ(load_error(json.dump()),
            "node.json: hosts[0]: devices[1].ports[0].active_mtu: expected a whole number, found a string");
}

}  // namespace
}  // namespace rocekit::report
