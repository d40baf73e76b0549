#include "collectives/traffic/bus_bandwidth.h"

namespace rocekit::traffic {

double bus_factor(OpKind kind, std::uint64_t ranks) {
  const double others_share = ranks == 0 ? 0.0 : static_cast<double>(ranks - 1) / static_cast<double>(ranks);
  switch (kind) {
    case OpKind::all_reduce:
      return 2 * others_share;
    case OpKind::all_gather:
    case OpKind::reduce_scatter:
    case OpKind::all_to_all:
    case OpKind::all_to_all_v:
      return others_share;
    case OpKind::send_recv:
    case OpKind::broadcast:
      break;
  }
  return 1;
}

double algorithm_bandwidth_gb_s(std::uint64_t size_bytes, double seconds) {
  return seconds > 0 ? static_cast<double>(size_bytes) / seconds / 1e9 : 0;
}

double bus_bandwidth_gb_s(OpKind kind, std::uint64_t ranks, std::uint64_t size_bytes, double seconds) {
  return algorithm_bandwidth_gb_s(size_bytes, seconds) * bus_factor(kind, ranks);
}

}  // namespace rocekit::traffic
