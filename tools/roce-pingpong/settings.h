// What is measured and how: rank 0's settings hold for all ranks.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "verbs/endpoint.h"

namespace rocekit::pingpong {

struct Settings {
  std::vector<verbs::Transport> transports{verbs::Transport::rc, verbs::Transport::tcp};
  bool transports_given = false;  ///< asked for on the command line: a transport that cannot be had is an error then
  verbs::Operation operation = verbs::Operation::send;  ///< of RDMA; TCP and UD send
  bool latency = true;
  bool bandwidth = true;
  std::vector<std::size_t> sizes{8, 4096, 65536, 1048576};  ///< ascending
  bool sizes_given = false;
  bool bidirectional = false;
  bool each_direction = false;  ///< RC streams from a to b and from b to a in turn as well, on each path
  int queue_pairs = 1;
  int streams = 1;                                    ///< TCP connections of a bandwidth series on each path
  std::optional<int> window;                          ///< outstanding messages a queue pair; unset: window_of()
  std::vector<std::string> rails;                     ///< devices or netdevs; empty: every path
  std::optional<std::chrono::milliseconds> duration;  ///< of each transport and size; unset: the default run's budget
  std::optional<std::size_t> iterations;              ///< of each latency series
  bool verify = false;
  std::optional<int> gid_index;
  std::optional<int> inline_bytes;
  verbs::WaitMode wait_mode = verbs::WaitMode::poll;
  verbs::MemoryKind memory = verbs::MemoryKind::host;
  int gpu = 0;
};

/// Largest message: larger tests have frozen nodes whose GPU and CPU share memory.
inline constexpr std::size_t largest_message_bytes = std::size_t{1} << 30U;
inline constexpr int largest_window = 4096;

/// What TCP and UD cannot do is sent.
inline verbs::Operation operation_on(verbs::Transport transport, verbs::Operation wanted) {
  return transport == verbs::Transport::rc ? wanted : verbs::Operation::send;
}

/// Outstanding messages a queue pair: as asked, else 128, fewer where they would hold more than 8 MiB (a path of
/// 400 Gb/s and 20 us holds 1 MB).
inline int window_of(const Settings& settings, std::size_t size_bytes) {
  if (settings.window) return *settings.window;
  constexpr std::size_t most_bytes = std::size_t{8} << 20U;
  const std::size_t window = most_bytes / (size_bytes == 0 ? 1 : size_bytes);
  return static_cast<int>(window < 2 ? 2 : window > 128 ? 128 : window);
}

}  // namespace rocekit::pingpong
