#include "collectives/engine/message_stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace rocekit::collectives {
namespace {

/// How soon a wait sees that the run was called off.
constexpr int look_ms = 20;
constexpr std::uint64_t most_bytes = std::uint64_t{1} << 32U;

[[noreturn]] void fail() {
  throw MessageError(MessageError::Cause::closed, std::string("is gone: ") + std::strerror(errno));
}

}  // namespace

void MessageStream::wait_until_ready(short events, const Wait& wait) const {
  for (;;) {
    if (wait.is_called_off()) throw MessageError(MessageError::Cause::called_off, "was called off");
    const int left = wait.deadline.left_ms();
    pollfd poll{socket_.get(), events, 0};
    const int ready = ::poll(&poll, 1, wait.called_off == nullptr ? left : std::min(left, look_ms));
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) fail();
    if (wait.deadline.passed()) throw MessageError(MessageError::Cause::too_late, "did not answer in time");
  }
}

bool MessageStream::wait_for_message() const {
  for (;;) {
    char byte = 0;
    const ssize_t got = ::recv(socket_.get(), &byte, 1, MSG_PEEK);
    if (got > 0) return true;
    if (got == 0 || errno != EINTR) return false;
  }
}

void MessageStream::read(char* bytes, std::size_t size, const Wait& wait) {
  while (size > 0) {
    const ssize_t got = ::recv(socket_.get(), bytes, size, MSG_DONTWAIT);
    if (got > 0) {
      bytes += got;
      size -= static_cast<std::size_t>(got);
    } else if (got == 0) {
      throw MessageError(MessageError::Cause::closed, "is gone");
    } else if (errno == EAGAIN) {
      wait_until_ready(POLLIN, wait);
    } else if (errno != EINTR) {
      fail();
    }
  }
}

void MessageStream::write(std::string_view bytes, const Wait& wait) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      wait_until_ready(POLLOUT, wait);
    } else if (errno != EINTR) {
      fail();
    }
  }
}

void MessageStream::send(std::string_view message, const Wait& wait) {
  char header[sizeof(std::uint64_t)];
  const std::uint64_t size = message.size();
  std::memcpy(header, &size, sizeof header);  // both ends are on this machine
  write({header, sizeof header}, wait);
  write(message, wait);
}

std::string MessageStream::receive(const Wait& wait) {
  std::uint64_t size = 0;
  char header[sizeof size];
  read(header, sizeof header, wait);
  std::memcpy(&size, header, sizeof header);
  if (size > most_bytes) throw MessageError(MessageError::Cause::broken, "sent a message that is too long");
  std::string message(size, '\0');
  read(message.data(), message.size(), wait);
  return message;
}

}  // namespace rocekit::collectives
