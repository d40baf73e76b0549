// Counters of devices and netdevs around a series: what carried its bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/io/file_descriptor.h"
#include "tools/roce-pingpong/result.h"

namespace rocekit::pingpong {

/// Files that stay open: a reading is one pread each.
class Counters {
 public:
  using Values = std::vector<std::uint64_t>;

  /// Of a port: port_xmit_data, port_rcv_data (InfiniBand Architecture, PortCounters: in words of 4 bytes), packets,
  /// and what hw_counters shows of packets, retries and congestion. What a driver lacks is left out. `root`: of sysfs.
  void add_port(const std::string& device, int port, const std::filesystem::path& root = "/sys");
  /// Of a netdev: tx_bytes, rx_bytes, tx_dropped, rx_dropped, rx_missed_errors.
  void add_netdev(const std::string& netdev, const std::filesystem::path& root = "/sys");

  void read(Values& values) const;
  std::size_t size() const { return sources_.size(); }
  /// Some are of RDMA ports.
  bool has_ports() const { return has_ports_; }
  /// A counter of an RDMA port differs between two readings.
  bool ports_moved(const Values& before, const Values& after) const;

  /// Reads after a block that RDMA ports carried: the kernel reads a device's hw_counters anew only when its last
  /// reading is older than a lifespan of 10 ms (include/rdma/ib_verbs.h, RDMA_HW_STATS_DEFAULT_LIFESPAN) and up to two
  /// ticks. Until then the block's packets are not there, and would be credited to the next one: waits for them, 30 ms
  /// at most. Returns how long it waited.
  std::chrono::nanoseconds read_settled(const Values& before, Values& after) const;

  /// What grew, by `growth` (sums of differences of readings, in the order of read()).
  std::vector<CounterDelta> deltas(const Values& growth, const std::string& host) const;

 private:
  struct Source {
    io::FileDescriptor file;
    std::string source;
    std::string counter;
    std::string unit;
    std::uint64_t scale = 1;
    bool of_port = false;
  };
  void add(const std::filesystem::path& file, const std::string& source, const std::string& counter,
           const std::string& unit, std::uint64_t scale, bool of_port);
  std::vector<Source> sources_;
  bool has_ports_ = false;
};

/// Adds what grew between two readings; a counter that was reset meanwhile adds nothing.
void add_growth(const Counters::Values& before, const Counters::Values& after, Counters::Values& growth);

}  // namespace rocekit::pingpong
