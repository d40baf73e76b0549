#include "tools/roce-pingpong/nodes/counters.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <thread>
#include <utility>

namespace rocekit::pingpong {
namespace {

constexpr std::chrono::milliseconds lifespan{30};
constexpr std::chrono::milliseconds pause{2};

constexpr const char* bytes = "bytes";
constexpr const char* packets = "packets";
constexpr const char* events = "events";

struct Known {
  const char* file;
  const char* unit;
  std::uint64_t scale;
};

// counters: InfiniBand Architecture, PortCounters; hw_counters: mlx5 (drivers/infiniband/hw/mlx5/counters.c) and
// Soft-RoCE (drivers/infiniband/sw/rxe/rxe_hw_counters.c).
constexpr std::array port_counters{
    Known{"counters/port_xmit_data", bytes, 4},
    Known{"counters/port_rcv_data", bytes, 4},
    Known{"counters/port_xmit_packets", packets, 1},
    Known{"counters/port_rcv_packets", packets, 1},
    Known{"counters/port_xmit_discards", events, 1},
    Known{"counters/port_rcv_errors", events, 1},
    Known{"counters/symbol_error", events, 1},
    Known{"counters/link_downed", events, 1},
    Known{"hw_counters/sent_pkts", packets, 1},
    Known{"hw_counters/rcvd_pkts", packets, 1},
    Known{"hw_counters/out_of_sequence", events, 1},
    Known{"hw_counters/packet_seq_err", events, 1},
    Known{"hw_counters/local_ack_timeout_err", events, 1},
    Known{"hw_counters/implied_nak_seq_err", events, 1},
    Known{"hw_counters/rnr_nak_retry_err", events, 1},
    Known{"hw_counters/out_of_buffer", events, 1},
    Known{"hw_counters/np_cnp_sent", packets, 1},
    Known{"hw_counters/rp_cnp_handled", packets, 1},
    Known{"hw_counters/rx_icrc_encapsulated", events, 1},
    Known{"hw_counters/roce_adp_retrans", events, 1},
    Known{"hw_counters/duplicate_request", events, 1},
    Known{"hw_counters/out_of_seq_request", events, 1},
    Known{"hw_counters/rcvd_seq_err", events, 1},
    Known{"hw_counters/rcvd_rnr_err", events, 1},
    Known{"hw_counters/send_rnr_err", events, 1},
    Known{"hw_counters/retry_exceeded_err", events, 1},
    Known{"hw_counters/retry_rnr_exceeded_err", events, 1},
    Known{"hw_counters/completer_retry_err", events, 1},
    Known{"hw_counters/send_err", events, 1},
};

constexpr std::array netdev_counters{
    Known{"tx_bytes", bytes, 1},    Known{"rx_bytes", bytes, 1},          Known{"tx_dropped", events, 1},
    Known{"rx_dropped", events, 1}, Known{"rx_missed_errors", events, 1},
};

}  // namespace

void Counters::add(const std::filesystem::path& file, const std::string& source, const std::string& counter,
                   const std::string& unit, std::uint64_t scale, bool of_port) {
  io::FileDescriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  char first = 0;
  // A file that opens and does not read (a counter that the firmware lacks) is none.
  if (!opened || ::pread(opened.get(), &first, 1, 0) != 1) return;
  sources_.push_back({std::move(opened), source, counter, unit, scale, of_port});
}

void Counters::add_port(const std::string& device, int port, const std::filesystem::path& root) {
  const std::string source = device + ":" + std::to_string(port);
  const auto known = [&](const Source& other) { return other.source == source; };
  if (device.empty() || std::any_of(sources_.begin(), sources_.end(), known)) return;
  const std::filesystem::path directory = root / "class/infiniband" / device / "ports" / std::to_string(port);
  const std::size_t before = sources_.size();
  for (const Known& counter : port_counters) {
    const std::filesystem::path file = directory / counter.file;
    add(file, source, file.filename().string(), counter.unit, counter.scale, true);
  }
  has_ports_ = has_ports_ || sources_.size() > before;
}

void Counters::add_netdev(const std::string& netdev, const std::filesystem::path& root) {
  const auto known = [&](const Source& other) { return other.source == netdev; };
  if (netdev.empty() || std::any_of(sources_.begin(), sources_.end(), known)) return;
  const std::filesystem::path directory = root / "class/net" / netdev / "statistics";
  for (const Known& counter : netdev_counters) {
    add(directory / counter.file, netdev, counter.file, counter.unit, counter.scale, false);
  }
}

bool Counters::ports_moved(const Values& before, const Values& after) const {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (sources_[i].of_port && before[i] != after[i]) return true;
  }
  return false;
}

void Counters::read(Values& values) const {
  values.resize(sources_.size());
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    std::array<char, 32> text{};
    const ssize_t length = ::pread(sources_[i].file.get(), text.data(), text.size(), 0);
    std::uint64_t value = 0;
    if (length > 0) std::from_chars(text.data(), text.data() + length, value);
    values[i] = value * sources_[i].scale;
  }
}

std::chrono::nanoseconds Counters::read_settled(const Values& before, Values& after) const {
  const auto began = std::chrono::steady_clock::now();
  read(after);
  while (has_ports_ && !ports_moved(before, after) && std::chrono::steady_clock::now() - began < lifespan) {
    std::this_thread::sleep_for(pause);
    read(after);
  }
  return std::chrono::steady_clock::now() - began;
}

std::vector<CounterDelta> Counters::deltas(const Values& growth, const std::string& host) const {
  std::vector<CounterDelta> grown;
  for (std::size_t i = 0; i < sources_.size() && i < growth.size(); ++i) {
    const Source& source = sources_[i];
    // Bytes and packets that did not move are evidence as well; events that did not happen are none.
    if (growth[i] == 0 && source.unit == events) continue;
    grown.push_back({host, source.source, source.counter, source.unit, growth[i]});
  }
  return grown;
}

void add_growth(const Counters::Values& before, const Counters::Values& after, Counters::Values& growth) {
  growth.resize(after.size(), 0);
  for (std::size_t i = 0; i < after.size() && i < before.size(); ++i) {
    if (after[i] > before[i]) growth[i] += after[i] - before[i];
  }
}

}  // namespace rocekit::pingpong
