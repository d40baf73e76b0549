// What one end of an RC or UD connection tells the other, in a form of its own so that both may be built by different
// compilers.
#pragma once

#include <infiniband/verbs.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace rocekit::verbs {

struct RdmaAddress {
  struct Region {
    std::uint64_t address = 0;
    std::uint32_t key = 0;
    friend bool operator==(const Region&, const Region&) = default;
  };
  struct Pair {
    std::uint32_t number = 0;
    std::uint32_t packet_sequence = 0;
    friend bool operator==(const Pair&, const Pair&) = default;
  };
  bool ethernet = true;
  std::uint16_t lid = 0;
  std::array<std::uint8_t, 16> gid{};
  ibv_mtu active_mtu = IBV_MTU_1024;
  std::uint32_t reads_in = 0;  ///< reads and atomics that this end answers at once
  std::uint64_t max_size = 0;
  std::uint32_t slots = 0;  ///< messages of the largest size that its buffers hold, a queue pair
  std::uint32_t q_key = 0;
  Region control;
  Region outbound;
  Region inbound;
  std::vector<Pair> pairs;
  friend bool operator==(const RdmaAddress&, const RdmaAddress&) = default;
};

std::string encode(const RdmaAddress& address);
/// Throws TransportError for bytes that are no such address.
RdmaAddress decode_rdma_address(const std::string& bytes, const std::string& peer);

/// 1024 of IBV_MTU_1024.
constexpr int bytes_of(ibv_mtu mtu) { return 128 << static_cast<int>(mtu); }

}  // namespace rocekit::verbs
