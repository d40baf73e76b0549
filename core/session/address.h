// Addresses to listen on, to join, and to tell the user.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rocekit::session {

struct HostPort {
  std::string host;  ///< without brackets; empty: all addresses
  std::uint16_t port = 0;
};

/// "192.0.2.1:7000", "[2001:db8::1]:7000"
std::string text_of(const HostPort& at);

/// "ADDR", "ADDR:PORT", ":PORT", "[ADDR6]", "[ADDR6]:PORT", "" (all addresses, any port). Throws InputError.
HostPort parse_listen(std::string_view text);

struct JoinTarget {
  std::string token;
  HostPort at;
};
/// "TOKEN@ADDR:PORT". Throws InputError.
JoinTarget parse_join(std::string_view text);

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  std::uint16_t port() const;
};
/// All that the name or address means. Throws InputError.
std::vector<SocketAddress> resolve(const HostPort& at);

struct LocalAddress {
  std::string address;
  std::string netdev;
};
/// Addresses of this host that others may reach it by, the one most of them will first: that of the default route,
/// then other IPv4 ones, then link-local IPv4, then global IPv6, then those of bridges, of tunnels and of links that
/// are down. Loopback where there is nothing else.
std::vector<LocalAddress> local_addresses();

}  // namespace rocekit::session
