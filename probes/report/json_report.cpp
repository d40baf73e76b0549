#include "probes/report/json_report.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "core/error.h"
#include "core/text/json.h"
#include "core/version.h"
#include "probes/facts/facts_json.h"

namespace rocekit::report {
namespace {

using json::clean;
using json::Json;
using json::list_of;
using json::or_null;

Json rail_json(const derived::Rail& rail) {
  Json devices = Json::array();
  Json members = Json::array();
  for (const derived::RailMember& member : rail.members) {
    devices.push_back(clean(member.device));
    members.push_back({{"device", clean(member.device)},
                       {"port", member.port},
                       {"netdev", or_null(member.netdev)},
                       {"active", member.active},
                       {"pcie_gbit_s", or_null(member.pcie_gbit_s)}});
  }
  return {{"index", rail.index},
          {"cage", clean(rail.cage)},
          {"kind", facts::to_string(rail.kind)},
          {"devices", std::move(devices)},
          {"members", std::move(members)},
          {"active", rail.active},
          {"twins", rail.twins},
          {"link_gbit_s", or_null(rail.link_gbit_s)},
          {"path_mtu", or_null(rail.path_mtu)},
          {"bound_gbit_s", or_null(rail.bound_gbit_s)},
          {"limited_by", or_null(rail.limited_by)},
          {"bound_why", clean(rail.bound_why)},
          {"nccl_hca", clean(rail.nccl_hca)}};
}

Json predicted_nccl_json(const derived::NcclChoice& choice) {
  Json rejected = Json::array();
  for (const derived::Rejected& item : choice.rejected) {
    rejected.push_back({{"device", clean(item.device)}, {"port", item.port}, {"why", clean(item.why)}});
  }
  Json gid_index = Json::object();
  Json gids = Json::object();
  for (const auto& [hca, gid] : choice.gids) {
    gid_index[clean(hca)] = gid.index;
    gids[clean(hca)] = {{"index", gid.index},   {"gid", clean(gid.gid)}, {"type", clean(gid.type)},
                        {"pinned", gid.pinned}, {"usable", gid.usable},  {"why", clean(gid.why)}};
  }
  return {{"net", clean(choice.net)},
          {"hcas", list_of(choice.hcas)},
          {"gid_index", std::move(gid_index)},
          {"socket_ifname", choice.socket_ifnames.empty() ? Json(nullptr) : Json(clean(choice.socket_ifnames.front()))},
          {"falls_back_to_socket", choice.falls_back_to_socket},
          {"why", clean(choice.why)},
          {"gids", std::move(gids)},
          {"rejected", std::move(rejected)},
          {"socket_ifnames", list_of(choice.socket_ifnames)},
          {"socket_why", clean(choice.socket_why)}};
}

/// The leading number of "2.1.0", or nullopt.
std::optional<int> major_of(const std::string& version) {
  int major = 0;
  const char* end = version.data() + version.size();
  const auto [rest, error] = std::from_chars(version.data(), end, major);
  if (error != std::errc{} || rest == end || *rest != '.') return std::nullopt;
  return major;
}

std::string string_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

nlohmann::ordered_json tool_json(const char* name) {
  return {{"name", name}, {"version", version}, {"commit", commit}};
}

nlohmann::ordered_json finding_json(const checks::Finding& finding) {
  Json evidence = Json::array();
  for (const checks::Evidence& item : finding.evidence) {
    evidence.push_back({{"what", clean(item.what)}, {"value", clean(item.value)}, {"source", clean(item.source)}});
  }
  return {{"id", finding.id},
          {"severity", checks::to_string(finding.severity)},
          {"host", clean(finding.host)},
          {"subject", clean(finding.subject)},
          {"title", clean(finding.title)},
          {"evidence", std::move(evidence)},
          {"cause", clean(finding.cause)},
          {"remedy", list_of(finding.remedy)},
          {"essential", finding.essential}};
}

nlohmann::ordered_json host_json(const ProbeReport& report) {
  Json host = facts::to_json(report.node);
  if (report.node.serving) {
    host["serving"]["process"]["predicted_nccl"] = predicted_nccl_json(report.nccl);
    host["process"]["predicted_nccl"] = predicted_nccl_json(derived::predict_nccl(report.node));
  } else {
    host["process"]["predicted_nccl"] = predicted_nccl_json(report.nccl);
  }
  Json rails = Json::array();
  for (const derived::Rail& rail : report.rails) rails.push_back(rail_json(rail));
  host["rails"] = std::move(rails);
  return host;
}

nlohmann::ordered_json render_json(const ProbeReport& report, const std::string& started_at) {
  Json findings = Json::array();
  for (const checks::Finding& finding : report.findings) findings.push_back(finding_json(finding));

  Json document;
  document["schema"] = "rocekit/probe";
  document["schema_version"] = probe_schema_version;
  document["tool"] = tool_json("roce-probe");
  document["started_at"] = started_at;
  document["hosts"] = Json::array();
  document["hosts"].push_back(host_json(report));
  document["findings"] = std::move(findings);
  document["verdict"] = checks::to_string(report.verdict);
  return document;
}

facts::NodeFacts node_from_document(const std::string& text, const std::string& document) {
  const Json json = facts::parse_json(text, document);
  const auto refuse = [&](const std::string& what) { throw InputError(fmt::format("{}: {}", document, what)); };
  if (!json.is_object()) refuse("not a rocekit/probe document: expected an object at the top");

  const std::string schema = string_at(json, "schema");
  if (schema.empty()) refuse("not a rocekit/probe document: it names no \"schema\"");
  if (schema != "rocekit/probe") {
    refuse(fmt::format("not a rocekit/probe document: its schema is \"{}\"",
                       text::shortened(text::printable(schema), 60)));
  }
  const std::string version_text = string_at(json, "schema_version");
  const std::optional<int> major = major_of(version_text);
  if (!major) refuse("\"schema_version\" is missing or no version (expected text such as \"1.0.0\")");
  const int known_major = *major_of(probe_schema_version);
  if (*major != known_major) {
    refuse(fmt::format("its schema version is {}, this roce-probe reads {}.x: {}",
                       text::shortened(text::printable(version_text), 30), known_major,
                       *major > known_major ? "use a roce-probe as new as the one that wrote it"
                                            : "save the node again with this roce-probe"));
  }
  const auto hosts = json.find("hosts");
  if (hosts == json.end() || !hosts->is_array()) refuse("\"hosts\" is missing or no list");
  if (hosts->empty()) refuse("\"hosts\" is empty: there is no node in it");
  if (hosts->size() > 1) refuse(fmt::format("it holds {} nodes, and one is expected", hosts->size()));
  return facts::node_from_json(hosts->front(), document + ": hosts[0]");
}

}  // namespace rocekit::report
