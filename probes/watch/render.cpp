#include "probes/watch/render.h"

#include <fmt/format.h>

#include "core/text/json.h"
#include "core/text/table.h"
#include "core/version.h"
#include "probes/watch/verdict.h"

namespace rocekit::watch {
namespace {

using json::clean;
using json::Json;

/// Decimal digits that do not jump about while the table is redrawn.
std::string column_figure(double gbit_s) { return gbit_s < 0.0005 ? "-" : fmt::format("{:.3f}", gbit_s); }

std::string events_of(const Rates& rates, const Flow& flow, bool congestion) {
  std::string text;
  for (const Event& event : rates.events) {
    if (event.where != flow.name || event.congestion != congestion) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", event.counter, event.count);
  }
  return text;
}

}  // namespace

std::string render_table(const Rates& rates, const text::Style& style, int width) {
  text::Table table({{"RAIL"},
                     {"DEVICE"},
                     {"TRANSPORT"},
                     {"OUT GB/S", 0, true},
                     {"IN GB/S", 0, true},
                     {"LOST OR SENT AGAIN", 2},
                     {"CONGESTION", 1}});
  for (const Flow& flow : rates.flows) {
    if (!flow.fabric && flow.gbit_s() < busy_gbit_s) continue;
    const std::string lost = events_of(rates, flow, false);
    table.add_row({{flow.rail < 0 ? "-" : std::to_string(flow.rail)},
                   {flow.name, text::Tone::strong},
                   {flow.rdma ? flow.estimated ? "RDMA (Soft-RoCE, about)" : "RDMA" : "sockets"},
                   {column_figure(flow.out_gbit_s)},
                   {column_figure(flow.in_gbit_s)},
                   {lost, text::Tone::warn},
                   {events_of(rates, flow, true), text::Tone::warn}});
  }
  std::string text = table.render(style, width);
  // The titles are in capitals; the unit is not gigabytes.
  for (std::size_t at; (at = text.find("GB/S")) != std::string::npos;) text.replace(at, 4, "Gb/s");
  const Carrier carrier = carrier_of(rates);
  const text::Tone tone = carrier == Carrier::rdma      ? text::Tone::good
                          : carrier == Carrier::sockets ? text::Tone::bad
                                                        : text::Tone::plain;
  for (const std::string& line : text::wrap(sentence_of(rates), width, 0, 2)) text += style.paint(tone, line) + '\n';
  return text;
}

std::string render_line(const Rates& rates) {
  const std::string events = events_in_words(rates.events);
  return sentence_of(rates) + (events.empty() ? "" : "; " + events);
}

std::string render_json_line(const Rates& rates, const std::string& at, bool summary) {
  Json flows = Json::array();
  for (const Flow& flow : rates.flows) {
    flows.push_back({{"name", clean(flow.name)},
                     {"transport", flow.rdma ? "rdma" : "sockets"},
                     {"rail", flow.rail < 0 ? Json(nullptr) : Json(flow.rail)},
                     {"fabric", flow.fabric},
                     {"estimated", flow.estimated},
                     {"of_other_processes", flow.of_others},
                     {"out_gbit_s", flow.out_gbit_s},
                     {"in_gbit_s", flow.in_gbit_s}});
  }
  Json events = Json::array();
  for (const Event& event : rates.events) {
    events.push_back({{"where", clean(event.where)},
                      {"counter", event.counter},
                      {"count", event.count},
                      {"kind", event.congestion ? "congestion" : "loss"}});
  }
  const Json document{{"schema", "rocekit/watch"},
                      {"schema_version", "1.0.0"},
                      {"tool", {{"name", "roce-probe"}, {"version", version}, {"commit", commit}}},
                      {"at", at},
                      {"summary", summary},
                      {"seconds", rates.seconds},
                      {"flows", std::move(flows)},
                      {"events", std::move(events)},
                      {"carrier", to_string(carrier_of(rates))},
                      {"sentence", sentence_of(rates)}};
  return document.dump() + '\n';
}

}  // namespace rocekit::watch
