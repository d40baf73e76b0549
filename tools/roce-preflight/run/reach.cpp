#include "tools/roce-preflight/run/reach.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/deadline.h"
#include "core/io/file_descriptor.h"
#include "core/wire/wire.h"
#include "tools/roce-pingpong/run/fields.h"

namespace rocekit::preflight {
namespace {

using std::chrono::milliseconds;

constexpr int ip_and_udp_bytes = 28;
/// A lost datagram says nothing; three, some time apart, do.
constexpr int repetitions = 3;
constexpr milliseconds repeat_after{60};

struct Ports {
  std::uint16_t tcp = 0;
  std::uint16_t udp = 0;
};
template <class Archive>
void fields(Archive& archive, Ports& ports) {
  archive(ports.tcp, ports.udp);
}

/// What a datagram says of itself; those of other programs do not.
struct Tag {
  std::array<char, 8> magic{'r', 'o', 'c', 'e', 'k', 'i', 't', '1'};
  std::uint32_t crossing = 0;
  std::uint32_t full = 0;
};

sockaddr_in address_of(const std::string& ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, ip.c_str(), &address.sin_addr);
  return address;
}

int bind_to(int fd, const std::string& ip) {
  const sockaddr_in address = address_of(ip, 0);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

/// What another interface would carry or answer says nothing of this rail. Where the kernel does not allow it, the
/// address alone has to do.
void keep_to(int fd, const std::string& netdev) {
  if (netdev.empty()) return;
  ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, netdev.c_str(), static_cast<socklen_t>(netdev.size()));
}

int connect_to(int fd, const std::string& ip, std::uint16_t port) {
  const sockaddr_in address = address_of(ip, port);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

sockaddr_in name_of(int fd) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  return address;
}

std::string source_towards(const std::string& ip) {
  const io::FileDescriptor fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd || connect_to(fd.get(), ip, 9) != 0) return {};
  const sockaddr_in address = name_of(fd.get());
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
  return text.data();
}

/// This rank's sockets on one crossing that begins or ends here.
struct Here {
  std::size_t crossing = 0;
  bool sends = false;
  io::FileDescriptor tcp;  ///< sending: connecting; else listening
  io::FileDescriptor udp;
  bool connecting = false;
};

class Crossings {
 public:
  Crossings(session::Session& session, const std::vector<pingpong::PathPlan>& paths) : session_(session) {
    for (const pingpong::PathPlan& plan : paths) {
      if (plan.loopback || plan.path.a.ip.empty() || plan.path.b.ip.empty()) continue;
      for (const auto& [from, to] : {std::pair{&plan.path.a, &plan.path.b}, std::pair{&plan.path.b, &plan.path.a}}) {
        Crossing crossing;
        crossing.from = *from;
        crossing.to = *to;
        if (from->netdev_mtu > 0 && to->netdev_mtu > 0) {
          crossing.full_bytes = std::min(from->netdev_mtu, to->netdev_mtu);
        }
        all_.push_back(std::move(crossing));
      }
    }
  }

  std::vector<Crossing> run(milliseconds patience) {
    std::vector<Ports> mine(all_.size());
    for (std::size_t i = 0; i < all_.size(); ++i) open(i, mine[i]);
    std::vector<std::vector<Ports>> ports;
    for (const std::string& message : session_.allgather(wire::encode(mine), "opening ports")) {
      ports.push_back(wire::decode<std::vector<Ports>>(message));
    }
    for (Here& here : here_) {
      if (here.sends) begin(here, ports.at(static_cast<std::size_t>(all_[here.crossing].to.rank)).at(here.crossing));
    }
    exchange(Deadline::after(patience));
    return gather(patience);
  }

 private:
  int me() const { return session_.rank(); }

  void open(std::size_t index, Ports& ports) {
    Crossing& crossing = all_[index];
    if (crossing.from.rank != me() && crossing.to.rank != me()) return;
    Here& here = here_.emplace_back();
    here.crossing = index;
    here.sends = crossing.from.rank == me();
    here.tcp = io::FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    here.udp = io::FileDescriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const pingpong::End& end = here.sends ? crossing.from : crossing.to;
    const std::string& own = end.ip;
    if (here.tcp) keep_to(here.tcp.get(), end.netdev);
    if (here.udp) keep_to(here.udp.get(), end.netdev);
    const bool bound = here.tcp && here.udp && bind_to(here.tcp.get(), own) == 0 && bind_to(here.udp.get(), own) == 0;
    if (here.sends) {
      crossing.source = source_towards(crossing.to.ip);
      // Never fragmented, and what the kernel remembers of the path is not believed.
      const int probe = IP_PMTUDISC_PROBE;
      ::setsockopt(here.udp.get(), IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof probe);
      if (!bound) crossing.tcp = fmt::format("bind to {}: {}", own, std::strerror(errno));
      return;
    }
    // Nothing is accepted: the kernel completes the handshake by itself.
    if (!bound || ::listen(here.tcp.get(), 4) != 0) return;
    ports.tcp = ntohs(name_of(here.tcp.get()).sin_port);
    ports.udp = ntohs(name_of(here.udp.get()).sin_port);
  }

  void begin(Here& here, const Ports& ports) {
    Crossing& crossing = all_[here.crossing];
    if (ports.tcp == 0 || ports.udp == 0) crossing.tcp = "the other end could not open a port on its address";
    if (!crossing.tcp.empty()) return;
    if (connect_to(here.udp.get(), crossing.to.ip, ports.udp) != 0) crossing.udp = std::strerror(errno);
    if (connect_to(here.tcp.get(), crossing.to.ip, ports.tcp) == 0) return;
    if (errno == EINPROGRESS) {
      here.connecting = true;
    } else {
      crossing.tcp = fmt::format("connect: {}", std::strerror(errno));
    }
  }

  void send(Here& here) {
    Crossing& crossing = all_[here.crossing];
    Tag tag;
    tag.crossing = static_cast<std::uint32_t>(here.crossing);
    for (const bool full : {false, true}) {
      if (full && crossing.full_bytes <= ip_and_udp_bytes + static_cast<int>(sizeof tag)) continue;
      std::string datagram(full ? static_cast<std::size_t>(crossing.full_bytes - ip_and_udp_bytes) : sizeof tag, '\0');
      tag.full = full ? 1 : 0;
      std::memcpy(datagram.data(), &tag, sizeof tag);
      if (::send(here.udp.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL) >= 0) {
        if (full) crossing.udp.clear();
      } else if (full && errno != EAGAIN) {
        crossing.udp = std::strerror(errno);
      }
    }
  }

  void receive(Here& here) {
    std::array<char, 2048> start{};
    for (;;) {
      const ssize_t got = ::recv(here.udp.get(), start.data(), start.size(), MSG_TRUNC);
      if (got < 0) return;
      Tag tag;
      if (got < static_cast<ssize_t>(sizeof tag)) continue;
      std::memcpy(&tag, start.data(), sizeof tag);
      if (tag.magic != Tag{}.magic || tag.crossing != here.crossing) continue;
      Crossing& crossing = all_[here.crossing];
      if (tag.full == 0) crossing.small_arrived = true;
      if (tag.full == 1 && got == crossing.full_bytes - ip_and_udp_bytes) crossing.full_arrived = true;
    }
  }

  void conclude(Here& here) {
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(here.tcp.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) all_[here.crossing].tcp = fmt::format("connect: {}", std::strerror(error));
    if (error == ETIMEDOUT || error == EHOSTUNREACH) all_[here.crossing].timed_out = true;
    here.connecting = false;
  }

  bool waiting() const {
    return std::any_of(here_.begin(), here_.end(), [&](const Here& here) {
      const Crossing& crossing = all_[here.crossing];
      if (here.sends) return here.connecting;
      return !crossing.small_arrived || (!crossing.full_arrived && crossing.full_bytes > 0);
    });
  }

  void exchange(Deadline deadline) {
    int sent = 0;
    Deadline next = Deadline::after(milliseconds(0));
    while ((waiting() || sent == 0) && !deadline.passed() && !session_.called_off().load()) {
      if (sent < repetitions && next.passed()) {
        for (Here& here : here_) {
          if (here.sends && all_[here.crossing].tcp.empty()) send(here);
        }
        ++sent;
        next = Deadline::after(repeat_after);
      }
      std::vector<pollfd> fds;
      for (const Here& here : here_) {
        if (here.sends) fds.push_back({here.connecting ? here.tcp.get() : -1, POLLOUT, 0});
        if (!here.sends) fds.push_back({here.udp.get(), POLLIN, 0});
      }
      ::poll(fds.data(), fds.size(), std::min({50, deadline.left_ms(), sent < repetitions ? next.left_ms() : 50}));
      for (std::size_t i = 0; i < here_.size(); ++i) {
        if (!here_[i].sends) receive(here_[i]);
        if (here_[i].connecting && fds[i].revents != 0) conclude(here_[i]);
      }
    }
    // What still has to be sent for others that wait.
    for (; sent < repetitions; ++sent) {
      for (Here& here : here_) {
        if (here.sends && all_[here.crossing].tcp.empty()) send(here);
      }
    }
    for (Here& here : here_) {
      if (!here.connecting) continue;
      all_[here.crossing].tcp = "connect: no answer";
      all_[here.crossing].timed_out = true;
    }
  }

  std::vector<Crossing> gather(milliseconds patience) {
    // The sending end knows all but what arrived.
    std::vector<std::vector<Crossing>> told;
    for (const std::string& message :
         session_.allgather(wire::encode(all_), "reaching the other ends", patience + session::talk_timeout)) {
      told.push_back(wire::decode<std::vector<Crossing>>(message));
    }
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const Crossing& arrived = told.at(static_cast<std::size_t>(all_[i].to.rank)).at(i);
      Crossing sent = told.at(static_cast<std::size_t>(all_[i].from.rank)).at(i);
      sent.small_arrived = arrived.small_arrived;
      sent.full_arrived = arrived.full_arrived;
      all_[i] = std::move(sent);
    }
    return std::move(all_);
  }

  session::Session& session_;
  std::vector<Crossing> all_;
  std::vector<Here> here_;
};

}  // namespace

std::vector<Crossing> cross(session::Session& session, const std::vector<pingpong::PathPlan>& paths,
                            milliseconds patience) {
  return Crossings(session, paths).run(patience);
}

}  // namespace rocekit::preflight
