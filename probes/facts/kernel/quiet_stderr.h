#pragma once

namespace rocekit::facts::kernel {

/// Sends this process's stderr to /dev/null while it lives: libibverbs and its providers print warnings there (no
/// provider for a device, little lockable memory) that the report tells in its own words. One at a time; what other
/// threads print meanwhile is lost too.
class QuietStderr {
 public:
  QuietStderr();
  QuietStderr(const QuietStderr&) = delete;
  QuietStderr& operator=(const QuietStderr&) = delete;
  ~QuietStderr();

 private:
  int saved_ = -1;
};

}  // namespace rocekit::facts::kernel
