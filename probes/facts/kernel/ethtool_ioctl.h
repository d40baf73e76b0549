// SIOCETHTOOL: driver statistics, which netlink does not carry, and what EthtoolNetlink asks on kernels before it.
#pragma once

#include <string>

#include "probes/facts/kernel_answers.h"

namespace rocekit::facts::kernel {

class EthtoolIoctl {
 public:
  EthtoolIoctl();
  EthtoolIoctl(const EthtoolIoctl&) = delete;
  EthtoolIoctl& operator=(const EthtoolIoctl&) = delete;
  ~EthtoolIoctl();

  /// `ethtool -S`, but for the counters of single queues ("rx0_packets", "ch12_poll"): a port has thousands of them and
  /// their sums are counters of their own.
  Fact<Counters> statistics(const std::string& netdev) const;

  Fact<LinkModesAnswer> link_modes(const std::string& netdev) const;
  Fact<LinkStateAnswer> link_state(const std::string& netdev) const;
  Fact<FecAnswer> fec(const std::string& netdev) const;
  Fact<Pause> pause(const std::string& netdev) const;
  Fact<std::string> module_eeprom_hex(const std::string& netdev) const;

 private:
  /// 0 or errno; `command` is one of the ethtool structs, the ETHTOOL_ number its first member.
  int call(const std::string& netdev, void* command) const;

  int socket_ = -1;
  int socket_error_ = 0;
};

/// Whether a name of `ethtool -S` counts one queue, ring or channel only.
bool is_queue_counter(const std::string& name);

}  // namespace rocekit::facts::kernel
