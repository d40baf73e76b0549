// Two connected endpoints, or all but connected, for tests of what runs over them.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <string>

#include "core/deadline.h"
#include "verbs/endpoint.h"

namespace rocekit::verbs::test {

inline Wait within(std::chrono::milliseconds time, const std::atomic<bool>* called_off = nullptr) {
  return {Deadline::after(time), called_off};
}

inline EndpointOptions loopback(WaitMode mode = WaitMode::poll, std::size_t max_size_bytes = 1u << 20) {
  EndpointOptions options;
  options.ip = "127.0.0.1";
  options.max_size_bytes = max_size_bytes;
  options.wait_mode = mode;
  return options;
}

/// The active end first.
struct TwoEnds {
  std::unique_ptr<Endpoint> active;
  std::unique_ptr<Endpoint> passive;
};

inline TwoEnds connected(const EndpointOptions& active, const EndpointOptions& passive) {
  TwoEnds ends{make_tcp_endpoint(active), make_tcp_endpoint(passive)};
  const Wait wait = within(std::chrono::seconds(10));
  const std::string address = ends.active->address();
  std::future<void> accepting =
      std::async(std::launch::async, [&] { ends.passive->connect(address, "rank 0 (here)", false, wait); });
  ends.active->connect(ends.passive->address(), "rank 1 (there)", true, wait);
  accepting.get();
  return ends;
}

inline TwoEnds connected(const EndpointOptions& options) { return connected(options, options); }

}  // namespace rocekit::verbs::test
