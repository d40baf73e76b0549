// Processes that rank 0 has started: ranks of --local, launchers of --via. None outlives its owner.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/io/file_descriptor.h"

namespace rocekit::session {

class Children {
 public:
  Children() = default;
  Children(Children&& other) noexcept;
  Children& operator=(Children&& other) noexcept;
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;
  /// Kills and reaps those that are left.
  ~Children();

  /// `errors`: where the child's standard error comes out, each line of it to be written with "NAME: " before it.
  void add(int rank, pid_t pid, std::string name = {}, io::FileDescriptor errors = {});
  /// In a forked child: they are its parent's.
  void forget();

  /// wait status of a rank's process, waiting up to `time` for its end; nullopt: runs, or is no child.
  std::optional<int> status_of(int rank, std::chrono::milliseconds time);
  /// "was killed by SIGKILL", "ended with exit code 3"; empty while it runs, or is no child.
  std::string end_of(int rank, std::chrono::milliseconds time);
  /// SIGKILL, also where it is stopped.
  void kill(int rank);
  /// Waits for all to end by themselves, then kills, and reaps all.
  void end(std::chrono::milliseconds time);

  /// Standard errors to poll; pump() passes on what they hold.
  std::vector<int> error_fds() const;
  void pump();
  /// The last line that the rank's process wrote to its standard error.
  std::string last_line(int rank) const;

 private:
  struct Child {
    int rank = 0;
    pid_t pid = 0;
    std::string name;
    io::FileDescriptor errors;
    std::string partial_line;
    std::string last_line;
    std::optional<int> status;
  };
  Child* find(int rank);
  static bool reap(Child& child, std::chrono::milliseconds time);
  static void pump(Child& child);
  std::vector<Child> children_;
};

}  // namespace rocekit::session
