// Where joiners knock: listening sockets, and the connections that have not proved the token yet.
#pragma once

#include <poll.h>

#include <list>
#include <string>
#include <vector>

#include "core/session/address.h"
#include "core/session/limits.h"
#include "core/session/stream.h"
#include "core/session/token.h"

namespace rocekit::session {

/// Strangers get little: a short time, one of a bounded number of places, and no byte that depends on the token. When
/// all places are taken, the address that holds most of them loses its oldest, silent ones first; so that a flood from
/// one host does not keep another out.
class Gate {
 public:
  /// Throws InputError when it cannot listen there.
  Gate(const HostPort& at, std::string token, const Limits& limits);

  std::uint16_t port() const { return port_; }
  const std::string& token() const { return token_; }
  /// In a forked child: nobody may find it open there.
  void close();
  void add_to(std::vector<pollfd>& fds) const;
  /// The next moment at which a stranger's time is up.
  Deadline next_deadline() const;
  /// Accepts, listens, answers; never blocks. Streams whose other end has proved the token.
  std::vector<Stream> serve();

 private:
  struct Stranger {
    Stream stream;
    Handshake handshake;
    Deadline deadline;
    std::string from;
    bool has_spoken = false;
  };
  void listen(const SocketAddress& address);
  void accept(int listener);
  void make_place();
  bool talk(Stranger& stranger);

  std::string token_;
  Limits limits_;
  std::uint16_t port_ = 0;
  std::vector<io::FileDescriptor> listeners_;
  std::list<Stranger> strangers_;  ///< oldest first
};

}  // namespace rocekit::session
