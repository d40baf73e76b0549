#include "core/session/joiner.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>

#include "core/session/reception.h"
#include "core/session/token.h"
#include "core/text/utf8.h"

namespace rocekit::session {

namespace {

/// Waiting for the other ranks has no other bound than rank 0's own.
constexpr std::chrono::hours longest_wait{1};
/// A proof may be lost in a listener's flood, or be of a wrong token: after so many it is the token.
constexpr int proofs = 3;

struct Attempt {
  Stream stream;
  Handshake handshake;
  bool connected = false;
};

std::optional<Attempt> start(const SocketAddress& address, const std::string& token, int& error) {
  io::FileDescriptor socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || (::connect(socket.get(), address.get(), address.length) != 0 && errno != EINPROGRESS)) {
    error = errno;
    return std::nullopt;
  }
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return Attempt{Stream(std::move(socket)), Handshake(Handshake::End::joiner, token, make_nonce()), false};
}

/// False: it has failed, `error` says how (0: the other end closed the connection).
bool advance(Attempt& attempt, int& error) {
  if (!attempt.connected) {
    pollfd poll{attempt.stream.in(), POLLOUT, 0};
    if (::poll(&poll, 1, 0) <= 0) return true;
    socklen_t length = sizeof error;
    ::getsockopt(attempt.stream.in(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return false;
    attempt.connected = true;
    if (attempt.stream.write(attempt.handshake.first()).bytes == 0) return false;
  }
  char buffer[128];
  while (attempt.handshake.state() == Handshake::State::under_way) {
    const Stream::Transfer got = attempt.stream.read(buffer, std::min(sizeof buffer, attempt.handshake.wanted()));
    if (got.closed) {
      error = got.error == ECONNRESET ? 0 : got.error;
      return false;
    }
    if (got.bytes == 0) return true;
    const std::string answer = attempt.handshake.take({buffer, got.bytes});
    if (!answer.empty() && attempt.stream.write(answer).bytes != answer.size()) return false;
  }
  error = EPROTO;
  return attempt.handshake.state() == Handshake::State::accepted;
}

}  // namespace

Stream knock(const std::vector<SocketAddress>& addresses, const std::string& token, const std::string& target,
             std::chrono::milliseconds wait, const Limits& limits, Signals& signals) {
  const Deadline deadline = Deadline::after(wait);
  // Who has a token has it from one that listens already.
  const Deadline refused_by = Deadline::after(std::chrono::seconds(1));
  int proofs_refused = 0;
  int error = ETIMEDOUT;
  for (;;) {
    std::list<Attempt> attempts;
    const Deadline round = Deadline::after(std::min<std::chrono::nanoseconds>(deadline.left(), limits.handshake));
    for (const SocketAddress& address : addresses) {
      if (auto attempt = start(address, token, error)) attempts.push_back(std::move(*attempt));
    }
    while (!attempts.empty() && !round.passed()) {
      std::vector<pollfd> fds{{signals.fd(), POLLIN, 0}};
      for (const Attempt& attempt : attempts) {
        fds.push_back({attempt.stream.in(), static_cast<short>(attempt.connected ? POLLIN : POLLOUT), 0});
      }
      ::poll(fds.data(), fds.size(), round.left_ms());
      signals.throw_if_taken("joining " + target);
      for (auto attempt = attempts.begin(); attempt != attempts.end();) {
        int reason = 0;
        if (!advance(*attempt, reason)) {
          if (attempt->handshake.proved() && reason == 0) ++proofs_refused;
          error = reason;
          attempt = attempts.erase(attempt);
        } else if (attempt->handshake.state() == Handshake::State::accepted) {
          return std::move(attempt->stream);
        } else {
          ++attempt;
        }
      }
    }
    if (!attempts.empty()) error = ETIMEDOUT;
    if (proofs_refused >= proofs) {
      throw SessionError(
          fmt::format("{} does not accept this token: paste the line that its --listen prints now", target));
    }
    if (deadline.passed() || (error == ECONNREFUSED && refused_by.passed())) break;
    pollfd signal{signals.fd(), POLLIN, 0};
    ::poll(&signal, 1, std::min(100, deadline.left_ms()));
    signals.throw_if_taken("joining " + target);
  }
  const std::string why = error == 0        ? "it closes the connection"
                          : error == EPROTO ? "what listens there is none of these tools"
                                            : std::strerror(error);
  throw SessionError(
      fmt::format("could not join {}: {}: is the other end still waiting, and does a firewall let this port through?",
                  target, why));
}

Assembly follow(Stream stream, const Hello& mine, const std::string& rank0, const Limits& limits,
                std::unique_ptr<Signals> signals) {
  const auto lost = [&](const std::string& why) {
    return SessionError(fmt::format("{} was lost before the session began: {}", rank0, why));
  };
  FrameReader reader(max_frame_bytes);
  try {
    send_all(stream, encode_frame(FrameType::hello, encode_hello(mine)), Deadline::after(limits.handshake));
    const Deadline deadline = Deadline::after(longest_wait);
    Deadline silent = Deadline::after(limits.silence + limits.heartbeat);
    char buffer[8192];
    for (;;) {
      pollfd fds[] = {{signals->fd(), POLLIN, 0}, {stream.in(), POLLIN, 0}};
      ::poll(fds, 2, std::min(deadline.left_ms(), silent.left_ms()));
      const bool waited_out = deadline.passed() || silent.passed();
      signals->throw_if_taken("waiting for the other ranks");
      const Stream::Transfer got = stream.read(buffer, sizeof buffer);
      if (got.bytes > 0) {
        silent = Deadline::after(limits.silence + limits.heartbeat);
        reader.append({buffer, got.bytes});
      }
      while (auto frame = reader.next()) {
        if (frame->type == FrameType::beat) continue;
        if (frame->type == FrameType::refuse) {
          throw SessionError(text::printable(FieldReader(frame->body).text(max_hello_bytes)));
        }
        if (frame->type != FrameType::welcome) throw ProtocolError("sent a message out of turn");
        const Welcome welcome = decode_welcome(frame->body);
        Assembly assembly;
        assembly.rank = welcome.rank;
        assembly.peers = welcome.peers;
        assembly.links.push_back({0, std::move(stream), std::move(reader)});
        assembly.limits = limits;
        assembly.signals = std::move(signals);
        return assembly;
      }
      if (got.closed) throw lost("its connection was closed");
      if (waited_out && got.bytes == 0) throw lost("no sign of life");
    }
  } catch (const ProtocolError& error) {
    throw lost(fmt::format("it {}", error.what()));
  }
}

}  // namespace rocekit::session
