// Sockets as the TCP endpoint needs them.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <string>

#include "core/deadline.h"
#include "core/io/file_descriptor.h"

namespace rocekit::verbs {

/// SO_BUSY_POLL of a socket that is waited for by polling.
inline constexpr int busy_poll_us = 50;
/// TCP_USER_TIMEOUT: how long a peer that acknowledges nothing counts as alive.
inline constexpr unsigned dead_peer_ms = 10'000;

/// nullopt when `ip` is not four numbers.
std::optional<sockaddr_in> ipv4_address(const std::string& ip, std::uint16_t port);
/// "192.168.100.1:41234"
std::string to_string(const sockaddr_in& address);
/// "192.168.100.1:41234" of a socket's own end and its peer's; "?" where the kernel does not say.
std::string local_name(int socket);
std::string remote_name(int socket);

/// An address of this host, in this network namespace: what is sent there stays inside the host.
bool is_address_of_this_host(const sockaddr_in& address);

/// False where the kernel refuses; errno says why.
bool set_option(int socket, int level, int option, int value);
int option_or(int socket, int level, int option, int otherwise);

/// Waits for poll(2) events, in slices so that being called off is seen. Returns what came; 0: the deadline passed or
/// the run was called off.
short wait_for_events(int socket, short events, const Wait& wait);

}  // namespace rocekit::verbs
