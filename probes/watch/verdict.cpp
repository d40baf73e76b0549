#include "probes/watch/verdict.h"

#include <fmt/format.h>

#include <algorithm>

namespace rocekit::watch {
namespace {

struct Sums {
  double rdma = 0;
  double fabric_sockets = 0;
  double other_sockets = 0;
};

Sums sums_of(const Rates& rates) {
  Sums sums;
  for (const Flow& flow : rates.flows) {
    if (flow.rdma) {
      if (!flow.of_others) sums.rdma += flow.gbit_s();
    } else {
      (flow.fabric ? sums.fabric_sockets : sums.other_sockets) += flow.gbit_s();
    }
  }
  return sums;
}

/// "92.1", "0.12", "0.004": three digits at least one of which counts.
std::string figure(double gbit_s) {
  if (gbit_s >= 10) return fmt::format("{:.1f}", gbit_s);
  if (gbit_s >= 0.1) return fmt::format("{:.2f}", gbit_s);
  return fmt::format("{:.3f}", gbit_s);
}

/// "92.1 Gb/s on rocep1s0f0", "180.2 Gb/s on a (92.1), b (88.1)", "idle".
std::string on_devices(std::vector<const Flow*> flows, double least) {
  std::erase_if(flows, [&](const Flow* flow) { return flow->gbit_s() < least; });
  if (flows.empty()) return "idle";
  double sum = 0;
  std::string names;
  for (const Flow* flow : flows) {
    sum += flow->gbit_s();
    names += fmt::format("{}{}", names.empty() ? "" : ", ", flow->name);
    if (flows.size() > 1) names += fmt::format(" ({})", figure(flow->gbit_s()));
  }
  const bool estimated = std::any_of(flows.begin(), flows.end(), [](const Flow* flow) { return flow->estimated; });
  return fmt::format("{}{} Gb/s on {}", estimated ? "about " : "", figure(sum), names);
}

}  // namespace

const char* to_string(Carrier carrier) {
  switch (carrier) {
    case Carrier::idle:
      return "idle";
    case Carrier::rdma:
      return "rdma";
    case Carrier::both:
      return "both";
    case Carrier::sockets:
      return "sockets";
  }
  return "idle";
}

Carrier carrier_of(const Rates& rates) {
  const Sums sums = sums_of(rates);
  const bool sockets_busy = sums.fabric_sockets >= busy_gbit_s;
  if (sums.rdma < rdma_busy_gbit_s || (sockets_busy && sums.rdma < sums.fabric_sockets / 10)) {
    return sockets_busy ? Carrier::sockets : Carrier::idle;
  }
  return sockets_busy && sums.fabric_sockets > sums.rdma / 4 ? Carrier::both : Carrier::rdma;
}

std::string sentence_of(const Rates& rates) {
  std::vector<const Flow*> rdma;
  std::vector<const Flow*> others;
  std::vector<const Flow*> sockets;
  for (const Flow& flow : rates.flows) (!flow.rdma ? sockets : flow.of_others ? others : rdma).push_back(&flow);
  constexpr double visible = 0.001;
  std::string text = fmt::format("RDMA: {}; sockets: {}", on_devices(rdma, visible / 10), on_devices(sockets, visible));
  const std::string foreign = on_devices(others, visible);
  if (foreign != "idle") text += fmt::format("; RDMA of other processes: {}", foreign);
  switch (carrier_of(rates)) {
    case Carrier::rdma:
      return text + " \u2014 serving traffic takes RDMA";
    case Carrier::both:
      return text + " \u2014 traffic takes RDMA and sockets of the fabric";
    case Carrier::sockets:
      return text + " \u2014 serving traffic takes sockets, not RDMA";
    case Carrier::idle:
      break;
  }
  return text + (sums_of(rates).other_sockets >= busy_gbit_s
                     ? " \u2014 the fabric is idle, traffic is on another interface"
                     : " \u2014 idle");
}

std::string events_in_words(const std::vector<Event>& events) {
  std::string lost;
  std::string congested;
  for (const Event& event : events) {
    std::string& text = event.congestion ? congested : lost;
    text += fmt::format("{}{} {} on {}", text.empty() ? "" : ", ", event.counter, event.count, event.where);
  }
  std::string words;
  if (!lost.empty()) words = "lost or sent again: " + lost;
  if (!congested.empty()) words += fmt::format("{}congestion: {}", words.empty() ? "" : "; ", congested);
  return words;
}

ExitCode exit_code_of(Carrier carrier) {
  switch (carrier) {
    case Carrier::rdma:
    case Carrier::both:
      return ExitCode::ready;
    case Carrier::sockets:
      return ExitCode::warning;
    case Carrier::idle:
      break;
  }
  return ExitCode::unknown;
}

}  // namespace rocekit::watch
