// The texts of /proc/PID and of the network below it as values. Pure functions over untrusted text.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/facts/node_facts.h"

namespace rocekit::facts::readers {

/// /proc/PID/status, as far as it is needed here.
struct ProcStatus {
  char state = '?';  ///< 'R', 'S', 'Z', ...
  std::optional<int> euid;
  std::optional<int> egid;
  std::vector<int> groups;
  std::string capabilities_hex;  ///< CapEff; empty: no such line
  bool has_memory = false;       ///< false: a thread of the kernel, or a zombie
};
ProcStatus parse_proc_status(std::string_view text);

/// Field 22 of /proc/PID/stat: start in clock ticks after the boot. The second field may hold blanks and parentheses.
std::optional<std::uint64_t> parse_start_ticks(std::string_view stat);

/// "Max locked memory" of /proc/PID/limits.
std::optional<Memlock> parse_memlock(std::string_view limits);

/// NAME=VALUE entries, each ended by a NUL; only those that is_asked_variable() lets pass.
std::map<std::string, std::string> parse_environ(std::string_view text);

/// The whole identity mapping of the first user namespace; false: a namespace of its own.
bool maps_all_users(std::string_view uid_map);

/// Home directory of a user in the text of /etc/passwd.
std::optional<std::string> home_of(std::string_view passwd, int uid);

/// Interfaces named in /proc/PID/net/dev, in its order.
std::vector<std::string> parse_net_dev(std::string_view text);

/// The same file's counters, by interface: rx_bytes, rx_packets, tx_bytes, tx_packets.
std::map<std::string, Counters> parse_net_dev_counters(std::string_view text);

/// A line of /proc/PID/net/route without gateway: the network of an interface's own address. In host byte order.
struct OnLinkRoute {
  std::string netdev;
  std::uint32_t network = 0;
  int prefix_length = 0;
};
std::vector<OnLinkRoute> parse_on_link_routes(std::string_view route);

/// IPv4 addresses of the namespace itself in /proc/PID/net/fib_trie ("/32 host LOCAL"), in host byte order, each once.
std::vector<std::uint32_t> parse_local_ipv4(std::string_view fib_trie);

/// /proc/PID/net/if_inet6.
struct Inet6Line {
  std::string netdev;
  Address address;
};
std::vector<Inet6Line> parse_if_inet6(std::string_view text);

}  // namespace rocekit::facts::readers
