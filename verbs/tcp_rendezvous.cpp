#include "verbs/tcp_rendezvous.h"

#include <fmt/format.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <sstream>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "verbs/error.h"

namespace rocekit::verbs {
namespace {

constexpr std::size_t most_strangers = 64;  // half-open company; beyond it the oldest is dropped
constexpr const char* format_word = "tcp1";

std::string hex(const unsigned char* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

template <std::size_t n>
bool from_hex(const std::string& text, std::array<unsigned char, n>& bytes) {
  if (text.size() != 2 * n) return false;
  for (std::size_t i = 0; i < n; ++i) {
    const char* const first = text.data() + 2 * i;
    const auto result = std::from_chars(first, first + 2, bytes[i], 16);
    if (result.ec != std::errc() || result.ptr != first + 2) return false;
  }
  return true;
}

// In time that does not depend on where they differ.
template <std::size_t n>
bool equal(const std::array<unsigned char, n>& a, const std::array<unsigned char, n>& b) {
  unsigned difference = 0;
  for (std::size_t i = 0; i < n; ++i) difference |= static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

std::string unreachable_check(int error) {
  return error == ENETUNREACH || error == EHOSTUNREACH || error == ETIMEDOUT ? "ROCE-NET-003" : "";
}

std::string connect_hint(int error) {
  switch (error) {
    case ECONNREFUSED:
      return "nothing listens there any more, or a firewall rejects it: the other end may have ended";
    case ETIMEDOUT:
      return "no answer: a firewall between the two nodes, or the address is not reachable from this one; allow TCP on "
             "all ports of the fabric's subnet";
    case EHOSTUNREACH:
      return "no node answers for this address on the wire: is the other end's interface up, in the same subnet, and "
             "is "
             "the cable in?";
    default:
      return "";
  }
}

}  // namespace

struct TcpRendezvous::Peer {
  sockaddr_in address{};
  Nonce nonce{};
  std::string name;
  bool on_this_host = false;

  TransportError error(const char* call, int number, const std::string& more, const std::string& check_id = "") const {
    return TransportError({call, to_string(address), name, check_id}, number, more);
  }
  /// For a wait that ended without what it waited for. `object`: the peer's address unless another is given.
  TransportError gave_up(const char* call, const Wait& wait, const std::string& otherwise,
                         const std::string& object = "") const {
    const std::string where = object.empty() ? to_string(address) : object;
    if (wait.is_called_off()) return TransportError({call, where, name, ""}, 0, "the run was called off");
    return TransportError({call, where, name, on_this_host ? "" : unreachable_check(ETIMEDOUT)}, ETIMEDOUT, otherwise);
  }
};

TcpRendezvous::TcpRendezvous(const std::string& ip, const std::string& netdev) : ip_(ip), netdev_(netdev) {
  const std::optional<sockaddr_in> address = ipv4_address(ip, 0);
  if (!address) throw InputError(fmt::format("TCP needs this end's IPv4 address, and \"{}\" is none.", ip));
  const auto failed = [&](const char* call) { return TransportError({call, ip, "", ""}, errno); };

  listener_ = io::FileDescriptor(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (listener_.get() < 0) throw failed("socket");
  if (bind(listener_.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    if (errno != EADDRNOTAVAIL) throw failed("bind");
    throw InputError(fmt::format("{} is not an address of this host: see \"ip -4 address\".", ip));
  }
  if (listen(listener_.get(), most_strangers) != 0) throw failed("listen");

  sockaddr_in bound{};
  socklen_t length = sizeof bound;
  if (getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&bound), &length) != 0) throw failed("getsockname");
  port_ = ntohs(bound.sin_port);
  if (getrandom(nonce_.data(), nonce_.size(), 0) != static_cast<ssize_t>(nonce_.size())) throw failed("getrandom");
}

std::string TcpRendezvous::address() const {
  return fmt::format("{} {} {} {}", format_word, ip_, port_, hex(nonce_.data(), nonce_.size()));
}

TcpConnection TcpRendezvous::connect(const std::string& peer_address, const std::string& peer_name, bool active,
                                     const Wait& wait) {
  std::istringstream words(peer_address);
  std::string format;
  std::string ip;
  std::string nonce;
  std::uint16_t port = 0;
  words >> format >> ip >> port >> nonce;
  Peer peer;
  peer.name = peer_name;
  const std::optional<sockaddr_in> address = ipv4_address(ip, port);
  if (!words || format != format_word || !address || port == 0 || !from_hex(nonce, peer.nonce)) {
    throw TransportError({"connect", ip_, peer_name, ""}, 0, "what the other end sent is no TCP endpoint's address");
  }
  peer.address = *address;
  peer.on_this_host = is_address_of_this_host(*address);

  TcpConnection connection = active ? connect_to(peer, wait) : accept_from(peer, wait);
  listener_ = io::FileDescriptor();
  const int socket = connection.socket.get();
  if (!set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1)) throw peer.error("setsockopt TCP_NODELAY", errno, "");
  connection.local = local_name(socket);
  connection.remote = remote_name(socket);
  return connection;
}

// What stays inside a host crosses the loopback device, whatever device its addresses are on: nothing would arrive at a
// socket bound to another.
std::string TcpRendezvous::bind_to_netdev(int socket, const Peer& peer) const {
  if (netdev_.empty()) return "bound by address";
  if (peer.on_this_host) return fmt::format("not bound to {}: both ends are on this host", netdev_);
  char bound[IFNAMSIZ] = "";
  socklen_t length = sizeof bound;
  const bool is_bound = getsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, bound, &length) == 0 && netdev_ == bound;
  if (!is_bound &&
      setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, netdev_.c_str(), static_cast<socklen_t>(netdev_.size())) != 0) {
    if (errno == ENODEV) throw InputError(fmt::format("There is no network device {} on this host.", netdev_));
    return fmt::format("bound by address alone: SO_BINDTODEVICE {} failed, {}", netdev_, std::strerror(errno));
  }
  return "bound to " + netdev_;
}

TcpConnection TcpRendezvous::connect_to(const Peer& peer, const Wait& wait) {
  TcpConnection connection;
  connection.socket = io::FileDescriptor(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int fd = connection.socket.get();
  if (fd < 0) throw peer.error("socket", errno, "");
  connection.binding = bind_to_netdev(fd, peer);
  const sockaddr_in own = *ipv4_address(ip_, 0);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) throw peer.error("bind", errno, ip_);

  int error = ::connect(fd, reinterpret_cast<const sockaddr*>(&peer.address), sizeof peer.address) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    if (wait_for_events(fd, POLLOUT, wait) == 0) throw peer.gave_up("connect", wait, connect_hint(ETIMEDOUT));
    error = option_or(fd, SOL_SOCKET, SO_ERROR, EIO);
  }
  if (error != 0) throw peer.error("connect", error, connect_hint(error), unreachable_check(error));

  // Fits into any socket buffer: it is taken whole or the connection is broken.
  if (send(fd, peer.nonce.data(), peer.nonce.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(peer.nonce.size())) {
    throw peer.error("send", errno, "while the two ends proved themselves");
  }
  Nonce answer{};
  for (std::size_t got = 0; got < answer.size();) {
    const ssize_t n = recv(fd, answer.data() + got, answer.size() - got, 0);
    if (n > 0) {
      got += static_cast<std::size_t>(n);
    } else if (n == 0) {
      throw peer.error("recv", 0, "the other end closed the connection before the two had proved themselves");
    } else if (errno != EAGAIN && errno != EINTR) {
      throw peer.error("recv", errno, "while the two ends proved themselves");
    } else if (wait_for_events(fd, POLLIN, wait) == 0) {
      throw peer.gave_up("recv", wait, "connected, but whoever listens there did not answer as the other end would");
    }
  }
  if (!equal(answer, nonce_)) throw peer.error("connect", 0, "whoever listens there is not the other end of this run");
  return connection;
}

TcpConnection TcpRendezvous::accept_from(const Peer& peer, const Wait& wait) {
  bind_to_netdev(listener_.get(), peer);
  TcpConnection connection;
  connection.socket = answered(peer, wait);
  const int fd = connection.socket.get();
  connection.binding = bind_to_netdev(fd, peer);
  if (send(fd, peer.nonce.data(), peer.nonce.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(peer.nonce.size())) {
    throw peer.error("send", errno, "while the two ends proved themselves");
  }
  return connection;
}

io::FileDescriptor TcpRendezvous::answered(const Peer& peer, const Wait& wait) {
  struct Guest {
    io::FileDescriptor socket;
    Nonce shown{};
    std::size_t got = 0;
  };
  std::vector<Guest> guests;
  std::vector<pollfd> entries;
  while (true) {
    entries.assign(1, pollfd{listener_.get(), POLLIN, 0});
    for (const Guest& guest : guests) entries.push_back({guest.socket.get(), POLLIN, 0});
    const int ready = poll(entries.data(), entries.size(), std::min(20, wait.deadline.left_ms()));
    // Looked at each time: a flood of strangers must not outlast the deadline.
    if (wait.is_called_off() || wait.deadline.passed()) {
      throw peer.gave_up("accept", wait,
                         "the other end did not connect: a firewall between the two nodes, or this address is not "
                         "reachable from there; allow TCP on all ports of the fabric's subnet",
                         fmt::format("{}:{}", ip_, port_));
    }
    if (ready <= 0) continue;
    for (std::size_t i = guests.size(); i-- > 0;) {
      if (entries[i + 1].revents == 0) continue;
      Guest& guest = guests[i];
      const ssize_t n = recv(guest.socket.get(), guest.shown.data() + guest.got, guest.shown.size() - guest.got, 0);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (n > 0) guest.got += static_cast<std::size_t>(n);
      if (n > 0 && guest.got < guest.shown.size()) continue;
      if (n > 0 && equal(guest.shown, nonce_)) return std::move(guest.socket);
      guests.erase(guests.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (entries[0].revents == 0) continue;
    io::FileDescriptor guest(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (guest.get() >= 0) {
      if (guests.size() == most_strangers) guests.erase(guests.begin());
      guests.push_back({std::move(guest), {}, 0});
    } else if ((errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) && !guests.empty()) {
      guests.erase(guests.begin());
    } else if (errno == EMFILE || errno == ENFILE || errno == EBADF || errno == EINVAL || errno == ENOTSOCK) {
      throw peer.error("accept", errno, "");
    }
  }
}

}  // namespace rocekit::verbs
