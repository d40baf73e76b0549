// A connected byte stream: a socket, or a pair of pipes.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/deadline.h"
#include "core/io/file_descriptor.h"

namespace rocekit::session {

/// Never blocks, and never changes the descriptors' flags: standard input and output are shared with other processes.
/// Precondition: SIGPIPE is ignored.
class Stream {
 public:
  explicit Stream(io::FileDescriptor socket);
  /// Each a pipe or a socket.
  Stream(io::FileDescriptor in, io::FileDescriptor out);

  int in() const { return in_.get(); }
  int out() const { return out_ ? out_.get() : in_.get(); }

  struct Transfer {
    std::size_t bytes = 0;  ///< 0: nothing can be moved now, or `closed`
    bool closed = false;
    int error = 0;  ///< errno where closed by an error: ECONNRESET, ...; 0 at the end of the stream
  };
  Transfer read(char* buffer, std::size_t size);
  Transfer write(std::string_view bytes);

 private:
  io::FileDescriptor in_;
  io::FileDescriptor out_;  ///< none: the socket in_ takes both ways
  bool in_is_socket_ = true;
  bool out_is_socket_ = true;
};

}  // namespace rocekit::session
