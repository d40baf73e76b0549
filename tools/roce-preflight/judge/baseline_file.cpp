#include "tools/roce-preflight/judge/baseline_file.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "core/io/user_files.h"
#include "core/text/json.h"
#include "probes/facts/facts_json.h"
#include "probes/report/json_report.h"

namespace rocekit::preflight {
namespace {

using json::clean;
using json::Json;
using json::list_of;

constexpr std::size_t most_bytes = std::size_t{16} << 20U;
constexpr const char* schema = "rocekit/baseline";
constexpr std::size_t most_blocks_of_run = 1'000;

Json quantity_json(const Quantity& q) {
  return {
      {"kind", to_string(q.kind)}, {"transport", clean(q.transport)}, {"rail", clean(q.rail)}, {"from", clean(q.from)},
      {"to", clean(q.to)},         {"what", clean(q.what)},           {"blocks", q.blocks}};
}

Json run_json(const SavedRun& run) {
  const auto fact_json = [](const SavedFact& fact) {
    return Json{{"host", clean(fact.host)},
                {"subject", clean(fact.subject)},
                {"what", clean(fact.what)},
                {"value", clean(fact.value)}};
  };
  return {{"started_at", run.started_at},           {"verdict", run.verdict},
          {"tool_version", run.tool_version},       {"function_only", run.function_only},
          {"facts", list_of(run.facts, fact_json)}, {"quantities", list_of(run.quantities, quantity_json)}};
}

/// A place in a document, and what is asked of it; every mistake is one sentence with the place.
class Place {
 public:
  Place(const Json& json, std::string name, std::string place)
      : json_(json), name_(std::move(name)), place_(std::move(place)) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(fmt::format("{}: {}{}{}: it is damaged, or no baseline; take a new one with --save-baseline",
                                 name_, place_, place_.empty() ? "" : " ", what));
  }
  Place at(const char* key) const {
    if (!json_.is_object() || !json_.contains(key)) fail(fmt::format("lacks \"{}\"", key));
    return {json_[key], name_, place_.empty() ? key : place_ + '.' + key};
  }
  std::string text() const {
    if (!json_.is_string()) fail("is no text");
    return json_.get<std::string>();
  }
  bool flag() const {
    if (!json_.is_boolean()) fail("is neither true nor false");
    return json_.get<bool>();
  }
  double positive() const {
    if (!json_.is_number()) fail("is no number");
    const double value = json_.get<double>();
    if (!std::isfinite(value) || value <= 0) fail("is not above 0");
    return value;
  }
  template <class F>
  auto list(std::size_t most, F&& read) const {
    if (!json_.is_array()) fail("is no list");
    if (json_.size() > most) fail(fmt::format("has more than {} entries", most));
    std::vector<decltype(read(*this))> items;
    for (std::size_t i = 0; i < json_.size(); ++i) {
      items.push_back(read(Place(json_[i], name_, fmt::format("{}[{}]", place_, i))));
    }
    return items;
  }

 private:
  const Json& json_;
  std::string name_;
  std::string place_;
};

std::string text_of(const Place& place) { return place.text(); }

Quantity quantity_of(const Place& place) {
  Quantity quantity;
  const Place kind = place.at("kind");
  const std::string word = kind.text();
  bool known = false;
  for (const auto one : {Quantity::Kind::latency, Quantity::Kind::bandwidth, Quantity::Kind::time}) {
    if (word != to_string(one)) continue;
    quantity.kind = one;
    known = true;
  }
  if (!known) kind.fail("is none of latency, bandwidth, time");
  quantity.transport = place.at("transport").text();
  quantity.rail = place.at("rail").text();
  quantity.from = place.at("from").text();
  quantity.to = place.at("to").text();
  quantity.what = place.at("what").text();
  quantity.blocks = place.at("blocks").list(most_blocks_of_run, [](const Place& block) { return block.positive(); });
  if (quantity.blocks.empty()) place.at("blocks").fail("is empty");
  return quantity;
}

SavedRun run_of(const Place& place) {
  SavedRun run;
  run.started_at = place.at("started_at").text();
  run.verdict = place.at("verdict").text();
  run.tool_version = place.at("tool_version").text();
  run.function_only = place.at("function_only").flag();
  run.facts = place.at("facts").list(100'000, [](const Place& fact) {
    return SavedFact{fact.at("host").text(), fact.at("subject").text(), fact.at("what").text(),
                     fact.at("value").text()};
  });
  run.quantities = place.at("quantities").list(100'000, quantity_of);
  return run;
}

void require_version(const Place& top, const std::string& name) {
  const std::string version = top.at("schema_version").text();
  const long major = std::strtol(version.c_str(), nullptr, 10);
  if (major == std::strtol(baseline_schema_version, nullptr, 10)) return;
  throw InputError(fmt::format(
      "{}: written in version {} of the format, and this roce-preflight knows {}: update it, or take a new baseline "
      "with --save-baseline",
      name, text::printable(version.substr(0, 40)), baseline_schema_version));
}

}  // namespace

std::string render_baseline(const Baseline& baseline) {
  Json document;
  document["schema"] = schema;
  document["schema_version"] = baseline_schema_version;
  document["tool"] = report::tool_json("roce-preflight");
  document["nodes"] = list_of(baseline.nodes, [](const SavedNode& node) {
    return Json{{"name", clean(node.name)}, {"guids", list_of(node.guids, clean)}};
  });
  document["traffic"] = clean(baseline.traffic);
  document["runs"] = list_of(baseline.runs, run_json);
  return document.dump(1) + '\n';
}

Baseline parse_baseline(std::string_view text, const std::string& name) {
  const Json document = facts::parse_json(text, name);
  if (!document.is_object() || !document.contains("schema") || document["schema"] != schema) {
    throw InputError(fmt::format("{}: no baseline of roce-preflight: --save-baseline FILE writes one", name));
  }
  const Place top(document, name, "");
  require_version(top, name);
  Baseline baseline;
  baseline.nodes = top.at("nodes").list(10'000, [](const Place& node) {
    return SavedNode{node.at("name").text(), node.at("guids").list(1'000, text_of)};
  });
  baseline.traffic = top.at("traffic").text();
  baseline.runs = top.at("runs").list(1'000, run_of);
  if (baseline.runs.empty()) top.at("runs").fail("is empty");
  return baseline;
}

Baseline read_baseline(const std::string& path) { return parse_baseline(io::read_input(path, most_bytes), path); }

std::optional<Baseline> read_baseline_to_extend(const std::string& path) {
  io::require_writable(path);
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) return std::nullopt;
  if (status.type() != std::filesystem::file_type::regular) {
    throw InputError(
        fmt::format("--save-baseline {}: no regular file, so further runs could not be added to it", path));
  }
  if (std::filesystem::file_size(path, error) == 0 && !error) return std::nullopt;
  return read_baseline(path);
}

}  // namespace rocekit::preflight
