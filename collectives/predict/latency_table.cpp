#include "collectives/predict/latency_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/measure/distribution.h"
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

void LatencyTable::add(const LatencyPoint& point, const std::string& timing) {
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
  auto& by_timing = points_[{point.transport, point.kind}];
  for (const auto& [other, series] : by_timing) {
    if (other != timing && !other.empty() && !timing.empty()) continue;
    if (series.contains(point.size_bytes)) {
      throw InputError(fmt::format("{}: there are two latencies, and which of them holds is not said", what));
    }
  }
  by_timing[timing].emplace(point.size_bytes, latency);
}

std::vector<std::string> LatencyTable::transports() const {
  std::set<std::string> names;
  for (const auto& [key, series] : points_) names.insert(key.transport);
  return {names.begin(), names.end()};
}

LatencyTable::Series LatencyTable::series_of(const Key& key) const {
  Series all;
  const auto found = points_.find(key);
  if (found == points_.end()) return all;
  for (const auto& [timing, series] : found->second) {
    if (timing.empty() || timing == timing_) all.insert(series.begin(), series.end());
  }
  return all;
}

std::size_t LatencyTable::sizes_of(const std::string& transport, std::string_view timing) const {
  std::size_t count = 0;
  for (const auto& [key, by_timing] : points_) {
    if (key.transport != transport) continue;
    const auto found = by_timing.find(timing);
    if (found != by_timing.end()) count += found->second.size();
  }
  return count;
}

bool LatencyTable::choose_timing(const std::vector<std::string>& of_transports) {
  std::map<std::string, std::size_t> most;  // operations and sizes of a transport, timed in any way
  for (const auto& [key, by_timing] : points_) {
    std::set<std::uint64_t> sizes;
    for (const auto& [timing, series] : by_timing) {
      if (timing.empty()) continue;
      for (const auto& [size, latency] : series) sizes.insert(size);
    }
    most[key.transport] += sizes.size();
  }
  const bool missing = std::any_of(of_transports.begin(), of_transports.end(),
                                   [&](const std::string& transport) { return !most.contains(transport); });
  if (missing) return true;
  timing_.clear();
  const auto first_with = [&](auto enough) {
    for (const std::string_view timing : timings) {
      bool any = false;
      bool all = true;
      for (const std::string& transport : of_transports) {
        const std::size_t count = sizes_of(transport, timing);
        any = any || count > 0;
        all = all && enough(transport, count);
      }
      if (!any || !all) continue;
      timing_ = timing;
      return true;
    }
    return false;
  };
  if (first_with([&](const std::string& name, std::size_t count) { return count == most[name]; })) return true;
  if (first_with([&](const std::string& name, std::size_t count) { return count > 0 || sizes_of(name, "") > 0; })) {
    return true;
  }
  return std::all_of(of_transports.begin(), of_transports.end(),
                     [&](const std::string& name) { return sizes_of(name, "") > 0; });
}

std::optional<Estimate> LatencyTable::at(OpKind kind, const std::string& transport, std::uint64_t size_bytes) const {
  Estimate estimate;
  Series series = series_of({transport, kind});
  for (const OpKind other : stand_ins(kind)) {
    if (!series.empty()) break;
    series = series_of({transport, other});
    if (!series.empty()) estimate.stands_in = other;
  }
  if (series.empty()) return std::nullopt;
  estimate.smallest_bytes = series.begin()->first;
  estimate.largest_bytes = series.rbegin()->first;
  auto high = series.lower_bound(size_bytes);
  if (high != series.end() && high->first == size_bytes) {
    estimate.latency = high->second;
    return estimate;
  }
  estimate.extrapolated = high == series.begin() || high == series.end();
  if (series.size() == 1 && static_cast<double>(size_bytes) >
                                reach_of_one_size * std::max(1.0, static_cast<double>(estimate.largest_bytes))) {
    throw InputError(fmt::format(
        "{} of {} on {}: the table has {} of {} alone, which says nothing of sizes more than {} times larger; "
        "measure that size, or one at least as large",
        traffic::to_string(kind), text::exact_size(size_bytes), transport,
        traffic::to_string(estimate.stands_in.value_or(kind)), text::exact_size(estimate.largest_bytes),
        reach_of_one_size));
  }
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

// ---- a table of what was measured

namespace {

/// Of fewer blocks a p10 would be the fastest of them, and a p90 the slowest.
constexpr std::size_t least_blocks = 10;

/// Two sides over one transport (two sets of settings, or NCCL and the host backend) are told apart by their names.
void name_by_side(std::vector<Measured>& list) {
  std::map<std::string, std::set<std::string>> sides;
  for (const Measured& measured : list) sides[measured.point.transport].insert(measured.side);
  for (Measured& measured : list) {
    if (sides[measured.point.transport].size() > 1 && !measured.side.empty()) {
      measured.point.transport = canonical_transport(measured.side);
    }
  }
}

Latency merged(const std::vector<Latency>& latencies) {
  Latency one = latencies.front();
  one.p50_us = 0;
  for (const Latency& latency : latencies) {
    one.p50_us += latency.p50_us / static_cast<double>(latencies.size());
    one.p10_us = one.p10_us && latency.p10_us ? std::optional(std::min(*one.p10_us, *latency.p10_us)) : std::nullopt;
    one.p90_us = one.p90_us && latency.p90_us ? std::optional(std::max(*one.p90_us, *latency.p90_us)) : std::nullopt;
  }
  return one;
}

}  // namespace

Latency latency_of(double typical_us, std::vector<double> block_values_us) {
  if (block_values_us.size() < least_blocks) return {typical_us, std::nullopt, std::nullopt};
  std::sort(block_values_us.begin(), block_values_us.end());
  return {typical_us, std::min(typical_us, measure::quantile(block_values_us, 0.1)),
          std::max(typical_us, measure::quantile(block_values_us, 0.9))};
}

LatencyTable table_of(std::vector<Measured> list) {
  name_by_side(list);
  LatencyTable table;
  const auto add = [&](const LatencyPoint& point, const std::string& timing, const std::string& place) {
    try {
      table.add(point, timing);
    } catch (const InputError& error) {
      throw InputError(place.empty() ? error.what() : fmt::format("{}: {}", place, error.what()));
    }
  };
  std::map<std::tuple<std::string, OpKind, std::string, std::uint64_t>, std::vector<const Measured*>> timed;
  for (const Measured& measured : list) {
    const LatencyPoint& point = measured.point;
    if (measured.timing.empty()) {
      add(point, "", measured.place);
    } else {
      timed[{measured.timing, point.kind, point.transport, point.size_bytes}].push_back(&measured);
    }
  }
  for (const auto& [key, several] : timed) {
    std::vector<Latency> latencies;
    for (const Measured* measured : several) latencies.push_back(measured->point.latency);
    LatencyPoint point = several.front()->point;
    point.latency = merged(latencies);
    add(point, several.front()->timing, several.front()->place);
  }
  table.choose_timing(table.transports());
  return table;
}

std::string canonical_transport(std::string_view word) {
  std::string name = text::lower_case(word);
  if (name.rfind("net/", 0) == 0) name.erase(0, 4);
  if (name == "roce" || name == "ib" || name == "infiniband" || name == "rc") return "rdma";
  if (name == "tcp" || name == "sockets") return "socket";
  return name;
}

}  // namespace rocekit::predict
