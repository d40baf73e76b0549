// Messages between two processes of a rank over a stream socket: eight bytes of length, then the message.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "core/deadline.h"
#include "core/io/file_descriptor.h"

namespace rocekit::collectives {

/// The message ends the sentence "the process that measures X ...".
class MessageError : public std::runtime_error {
 public:
  enum class Cause { closed, too_late, called_off, broken };
  MessageError(Cause cause, const std::string& what) : std::runtime_error(what), cause_(cause) {}
  Cause cause() const { return cause_; }

 private:
  Cause cause_;
};

class MessageStream {
 public:
  explicit MessageStream(io::FileDescriptor socket) : socket_(std::move(socket)) {}

  /// Both throw MessageError.
  void send(std::string_view message, const Wait& wait);
  std::string receive(const Wait& wait);
  /// Waits without end for the first byte of a message; false: the other end is gone.
  bool wait_for_message() const;

 private:
  void read(char* bytes, std::size_t size, const Wait& wait);
  void write(std::string_view bytes, const Wait& wait);
  void wait_until_ready(short events, const Wait& wait) const;
  io::FileDescriptor socket_;
};

}  // namespace rocekit::collectives
