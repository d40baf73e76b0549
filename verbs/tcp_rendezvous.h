// How two ends of a TCP connection find each other when all they have is each other's address string.
//
// Both listen on their own address and an ephemeral port, and put address, port and a random number (nonce) into their
// string. The active end connects and shows the other end's nonce; the other end answers with the first one's. So both
// know that the bytes come from whoever got the strings through the session; a stranger that connects shows nothing
// that counts, and is dropped without holding up the one that is waited for.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/deadline.h"
#include "verbs/tcp_socket.h"

namespace rocekit::verbs {

/// A connected socket with TCP_NODELAY, and what is worth telling about it.
struct TcpConnection {
  io::FileDescriptor socket;
  std::string local;    ///< "192.168.100.1:41234"
  std::string remote;   ///< "192.168.100.2:38001"
  std::string binding;  ///< "bound to enp1s0f0np0", or why it is not
};

class TcpRendezvous {
 public:
  /// Listens from here on. `netdev`: empty: any. Throws InputError (no such address or network device here),
  /// TransportError.
  TcpRendezvous(const std::string& ip, const std::string& netdev);

  /// "tcp1 192.168.100.1 41234 0123456789abcdef0123456789abcdef"
  std::string address() const;

  /// Once. `active`: of the two ends exactly one. Throws TransportError. Listens no more when it returns.
  TcpConnection connect(const std::string& peer_address, const std::string& peer_name, bool active, const Wait& wait);

 private:
  using Nonce = std::array<unsigned char, 16>;
  struct Peer;
  TcpConnection connect_to(const Peer& peer, const Wait& wait);
  TcpConnection accept_from(const Peer& peer, const Wait& wait);
  io::FileDescriptor answered(const Peer& peer, const Wait& wait);
  std::string bind_to_netdev(int socket, const Peer& peer) const;

  std::string ip_;
  std::string netdev_;
  std::uint16_t port_ = 0;
  Nonce nonce_{};
  io::FileDescriptor listener_;
};

}  // namespace rocekit::verbs
