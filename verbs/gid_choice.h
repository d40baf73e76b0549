// Which GID of a port a connection starts from: RoCE v2, by type and address, never by a fixed index, since indexes
// differ between nodes and drift when addresses come and go.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace rocekit::verbs {

struct GidEntry {
  enum class Type { infiniband, roce_v1, roce_v2 };
  int index = 0;
  Type type = Type::infiniband;
  std::array<std::uint8_t, 16> gid{};
};

/// "192.168.100.11" of ::ffff:192.168.100.11; nullopt for any other GID.
std::optional<std::string> ipv4_of(const std::array<std::uint8_t, 16>& gid);
/// "RoCE v2, 192.168.100.11" or "RoCE v1, fe80:0000:0000:0000:5054:00ff:fe00:0101"
std::string describe(const GidEntry& entry);

struct GidRequest {
  std::string port;          ///< for messages: "rocep1s0f0:1"
  bool ethernet = true;      ///< link layer; InfiniBand takes its first GID
  int table_size = 0;        ///< entries the port can have, empty ones included
  std::string ip;            ///< IPv4 address wanted; empty: the first that the port has
  std::optional<int> index;  ///< what the user asked for
};

/// `entries`: the port's valid ones. Throws InputError for an index that is out of range or empty, and
/// TransportError (ROCE-GID-001, ROCE-NET-001) when the port has no RoCE v2 GID for the address.
GidEntry choose_gid(std::span<const GidEntry> entries, const GidRequest& request);

}  // namespace rocekit::verbs
