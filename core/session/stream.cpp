#include "core/session/stream.h"

#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace rocekit::session {

namespace {

bool is_socket(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

bool is_ready(int fd, short events) {
  pollfd poll{fd, events, 0};
  return ::poll(&poll, 1, 0) > 0;
}

Stream::Transfer result_of(ssize_t moved, bool zero_is_end) {
  if (moved > 0) return {static_cast<std::size_t>(moved), false, 0};
  if (moved == 0) return {0, zero_is_end, 0};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {};
  return {0, true, errno};
}

}  // namespace

Stream::Stream(io::FileDescriptor socket) : in_(std::move(socket)) {}

Stream::Stream(io::FileDescriptor in, io::FileDescriptor out)
    : in_(std::move(in)),
      out_(std::move(out)),
      in_is_socket_(is_socket(in_.get())),
      out_is_socket_(is_socket(out_.get())) {}

Stream::Transfer Stream::read(char* buffer, std::size_t size) {
  if (in_is_socket_) return result_of(::recv(in(), buffer, size, MSG_DONTWAIT), true);
  if (!is_ready(in(), POLLIN)) return {};
  return result_of(::read(in(), buffer, size), true);
}

Stream::Transfer Stream::write(std::string_view bytes) {
  if (out_is_socket_) return result_of(::send(out(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL), false);
  if (!is_ready(out(), POLLOUT)) return {};
  // A pipe that is ready takes PIPE_BUF bytes without blocking.
  return result_of(::write(out(), bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF)), false);
}

}  // namespace rocekit::session
