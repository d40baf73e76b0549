#include "core/session/gate.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "core/error.h"

namespace rocekit::session {

namespace {

constexpr int backlog = 256;
/// Few, so that a flood does not push out those who are about to prove the token.
constexpr int accepts_a_turn = 16;

std::string host_text(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = {};
  if (storage.ss_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr, text, sizeof text);
  } else {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr, text, sizeof text);
  }
  return text;
}

SocketAddress any_address(int family, std::uint16_t port) {
  SocketAddress address;
  address.storage.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port = htons(port);
    address.length = sizeof(sockaddr_in6);
  } else {
    reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port = htons(port);
    address.length = sizeof(sockaddr_in);
  }
  return address;
}

}  // namespace

Gate::Gate(const HostPort& at, std::string token, const Limits& limits) : token_(std::move(token)), limits_(limits) {
  if (!at.host.empty()) {
    const auto addresses = resolve(at);
    listen(addresses.front());
    return;
  }
  try {
    // Takes IPv4 too (IPV6_V6ONLY off).
    listen(any_address(AF_INET6, at.port));
  } catch (const InputError&) {
    listen(any_address(AF_INET, at.port));
  }
}

void Gate::listen(const SocketAddress& address) {
  const int family = address.storage.ss_family;
  io::FileDescriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  const int off = 0;
  if (socket && address.port() != 0) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (socket && family == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (!socket || ::bind(socket.get(), address.get(), address.length) != 0 || ::listen(socket.get(), backlog) != 0) {
    throw InputError(fmt::format("cannot listen on {}: {}", text_of({host_text(address.storage), address.port()}),
                                 std::strerror(errno)));
  }
  SocketAddress bound;
  bound.length = sizeof bound.storage;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound.storage), &bound.length);
  port_ = bound.port();
  listeners_.push_back(std::move(socket));
}

void Gate::close() {
  listeners_.clear();
  strangers_.clear();
}

void Gate::add_to(std::vector<pollfd>& fds) const {
  for (const io::FileDescriptor& listener : listeners_) fds.push_back({listener.get(), POLLIN, 0});
  for (const Stranger& stranger : strangers_) fds.push_back({stranger.stream.in(), POLLIN, 0});
}

Deadline Gate::next_deadline() const {
  return strangers_.empty() ? Deadline::after(limits_.heartbeat) : strangers_.front().deadline;
}

void Gate::make_place() {
  if (strangers_.size() < limits_.max_strangers) return;
  std::map<std::string, std::size_t> places;
  std::size_t most = 0;
  for (const Stranger& stranger : strangers_) most = std::max(most, ++places[stranger.from]);
  const auto is_of_flood = [&](const Stranger& stranger) { return places[stranger.from] == most; };
  // A rank speaks first; most of a flood is silent.
  auto leaves = std::find_if(strangers_.begin(), strangers_.end(),
                             [&](const Stranger& stranger) { return is_of_flood(stranger) && !stranger.has_spoken; });
  if (leaves == strangers_.end()) leaves = std::find_if(strangers_.begin(), strangers_.end(), is_of_flood);
  strangers_.erase(leaves);
}

void Gate::accept(int listener) {
  for (int turn = 0; turn < accepts_a_turn; ++turn) {
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    io::FileDescriptor socket(
        ::accept4(listener, reinterpret_cast<sockaddr*>(&from), &length, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) {
      // Out of descriptors: the oldest stranger's is needed more by whoever waits.
      if ((errno == EMFILE || errno == ENFILE) && !strangers_.empty()) strangers_.pop_front();
      return;
    }
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    make_place();
    strangers_.push_back({Stream(std::move(socket)), Handshake(Handshake::End::listener, token_, make_nonce()),
                          Deadline::after(limits_.handshake), host_text(from)});
    // In a flood a rank has waited long enough for its first words to be here, and may not see the next turn.
    if (!talk(strangers_.back())) strangers_.pop_back();
  }
}

bool Gate::talk(Stranger& stranger) {
  char buffer[128];
  while (stranger.handshake.state() == Handshake::State::under_way) {
    const Stream::Transfer got = stranger.stream.read(buffer, std::min(sizeof buffer, stranger.handshake.wanted()));
    if (got.closed) return false;
    if (got.bytes == 0) return true;
    stranger.has_spoken = true;
    const std::string answer = stranger.handshake.take({buffer, got.bytes});
    // A few bytes fit into the buffer of a new socket; where they do not, its other end is no rank.
    if (!answer.empty() && stranger.stream.write(answer).bytes != answer.size()) return false;
  }
  return stranger.handshake.state() == Handshake::State::accepted;
}

std::vector<Stream> Gate::serve() {
  for (const io::FileDescriptor& listener : listeners_) accept(listener.get());
  std::vector<Stream> admitted;
  for (auto stranger = strangers_.begin(); stranger != strangers_.end();) {
    const bool stays = talk(*stranger) && !stranger->deadline.passed();
    const bool accepted = stranger->handshake.state() == Handshake::State::accepted;
    if (accepted) admitted.push_back(std::move(stranger->stream));
    stranger = stays && !accepted ? std::next(stranger) : strangers_.erase(stranger);
  }
  return admitted;
}

}  // namespace rocekit::session
