// Bounded reads of files that may be anything: huge, a FIFO, a device, gone the next moment.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <string>

#include "probes/facts/fact.h"

namespace rocekit::facts {

/// An open file that is closed with it; negative: none.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }

 private:
  int number_;
};

enum class FollowLinks { yes, no };

/// Content of a regular file. A directory, device, FIFO or socket is Why::failed, a file longer than `max_bytes` is
/// Why::malformed; never blocks. The detail is the reason alone; the caller puts the path in front.
Fact<std::string> read_disk_file(const std::string& path, std::size_t max_bytes, FollowLinks follow);

/// Missing with the errno's text alone as its detail.
Missing missing_reason(int error_number);

/// Content as it may stand in a sentence: in quotes, at most 40 bytes, anything but printable ASCII as \xNN.
std::string describe_bytes(const std::string& content);

/// Without trailing white space.
std::string trim_right(std::string text);

}  // namespace rocekit::facts
