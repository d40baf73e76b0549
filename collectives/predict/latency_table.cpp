#include "collectives/predict/latency_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "core/text/ascii.h"
#include "core/text/sizes.h"

namespace rocekit::predict {
namespace {

using traffic::OpKind;

constexpr double longest_us = 1e9;

/// Most alike first.
std::vector<OpKind> stand_ins(OpKind kind) {
  switch (kind) {
    case OpKind::all_reduce:
      return {OpKind::reduce_scatter, OpKind::all_gather};
    case OpKind::all_gather:
      return {OpKind::reduce_scatter, OpKind::all_to_all, OpKind::all_reduce};
    case OpKind::reduce_scatter:
      return {OpKind::all_gather, OpKind::all_to_all, OpKind::all_reduce};
    case OpKind::all_to_all:
      return {OpKind::all_to_all_v, OpKind::all_gather, OpKind::all_reduce};
    case OpKind::all_to_all_v:
      return {OpKind::all_to_all, OpKind::all_gather, OpKind::all_reduce};
    case OpKind::broadcast:
      return {OpKind::all_gather, OpKind::all_reduce};
    case OpKind::send_recv:
      break;
  }
  return {};
}

double on_line(double size, double low_size, double low, double high_size, double high, bool beyond) {
  double slope = std::log(high / low) / std::log(high_size / low_size);
  if (beyond) slope = std::clamp(slope, 0.0, 1.0);
  const double from = beyond ? high : low;
  return from * std::exp(slope * std::log(size / (beyond ? high_size : low_size)));
}

std::optional<double> on_line(double size, double low_size, std::optional<double> low, double high_size,
                              std::optional<double> high, bool beyond) {
  if (!low || !high) return std::nullopt;
  return on_line(size, low_size, *low, high_size, *high, beyond);
}

}  // namespace

void LatencyTable::add(const LatencyPoint& point) {
  const Latency& latency = point.latency;
  const std::string what = fmt::format("{} of {} on {}", traffic::to_string(point.kind),
                                       text::exact_size(point.size_bytes), point.transport);
  for (const std::optional<double> value : {latency.p10_us, std::optional<double>(latency.p50_us), latency.p90_us}) {
    if (value && (!(*value > 0) || *value > longest_us)) {
      throw InputError(fmt::format("{}: a latency is above 0 and at most 10^9 us, not {}", what, *value));
    }
  }
  if (latency.p10_us.value_or(0) > latency.p50_us || latency.p90_us.value_or(longest_us) < latency.p50_us) {
    throw InputError(fmt::format("{}: the percentiles are out of order", what));
  }
  if (!points_[{point.kind, point.transport}].emplace(point.size_bytes, latency).second) {
    throw InputError(fmt::format("{}: there are two latencies, and which of them holds is not said", what));
  }
}

std::vector<std::string> LatencyTable::transports() const {
  std::set<std::string> names;
  for (const auto& [key, series] : points_) names.insert(std::get<1>(key));
  return {names.begin(), names.end()};
}

std::optional<Estimate> LatencyTable::at(OpKind kind, const std::string& transport, std::uint64_t size_bytes) const {
  Estimate estimate;
  auto found = points_.find({kind, transport});
  for (const OpKind other : stand_ins(kind)) {
    if (found != points_.end()) break;
    found = points_.find({other, transport});
    if (found != points_.end()) estimate.stands_in = other;
  }
  if (found == points_.end()) return std::nullopt;
  const Series& series = found->second;
  estimate.smallest_bytes = series.begin()->first;
  estimate.largest_bytes = series.rbegin()->first;
  auto high = series.lower_bound(size_bytes);
  if (high != series.end() && high->first == size_bytes) {
    estimate.latency = high->second;
    return estimate;
  }
  estimate.extrapolated = high == series.begin() || high == series.end();
  if (high == series.begin() || series.size() == 1) {
    estimate.latency = series.begin()->second;
    return estimate;
  }
  const bool beyond = high == series.end();
  if (beyond) --high;
  const auto low = std::prev(high);
  // A size of 0 has no logarithm; its latency is that of one byte.
  const double low_size = std::max(1.0, static_cast<double>(low->first));
  const double high_size = static_cast<double>(high->first);
  const double size = static_cast<double>(size_bytes);
  if (high_size <= low_size) {
    estimate.latency = high->second;
    return estimate;
  }
  const Latency& a = low->second;
  const Latency& b = high->second;
  estimate.latency.p50_us = on_line(size, low_size, a.p50_us, high_size, b.p50_us, beyond);
  estimate.latency.p10_us = on_line(size, low_size, a.p10_us, high_size, b.p10_us, beyond);
  estimate.latency.p90_us = on_line(size, low_size, a.p90_us, high_size, b.p90_us, beyond);
  return estimate;
}

std::string canonical_transport(std::string_view word) {
  std::string name = text::lower_case(word);
  if (name.rfind("net/", 0) == 0) name.erase(0, 4);
  if (name == "roce" || name == "ib" || name == "infiniband" || name == "rc") return "rdma";
  if (name == "tcp" || name == "sockets") return "socket";
  return name;
}

}  // namespace rocekit::predict
