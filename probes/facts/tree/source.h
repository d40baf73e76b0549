// Where a FileTree's files come from, one directory entry at a time; links are followed by Resolver, never here.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "probes/facts/fact.h"

namespace rocekit::facts::tree {

enum class Kind {
  absent,
  file,
  directory,
  link,
  special,   ///< a device, FIFO or socket: there, never opened
  error,     ///< could not be looked at or read; `error` says why
  not_read,  ///< a record does not say
};

struct Node {
  Kind kind = Kind::absent;
  std::string target;  ///< of a link, as stored
  Missing error;
};

/// Paths given to a source are canonical: absolute, without "." and "..", and only the last component may be a link.
/// "" is the root. Details of a Missing hold the reason only, no path.
class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  virtual Node look_up(const std::string& path) = 0;
  virtual Fact<std::string> read(const std::string& path) = 0;
  /// Sorted.
  virtual Fact<std::vector<std::string>> list(const std::string& path) = 0;
};

/// "/a/b" -> "/a"; "/a" -> "".
std::string parent_of(const std::string& path);
/// "/a/b" -> "b".
std::string name_of(const std::string& path);

/// Length of "/proc/4711/root" (or "/proc/self/root") where the path is that or lies below it, else 0: there another
/// root directory begins, and absolute links and ".." of what lies below do not lead out of it.
std::size_t process_root_length(std::string_view path);

/// Names in a directory on disk, sorted, each with its kind (links' targets are not read).
struct DiskEntry {
  std::string name;
  Kind kind = Kind::absent;
};
Fact<std::vector<DiskEntry>> list_disk_directory(const std::string& path);

/// What stands at a path on disk, without following a link there.
Fact<Kind> disk_kind(const std::string& path);

/// The path with every link followed, as the kernel follows them.
Fact<std::string> canonical_on_disk(const std::string& path);

/// Target of a link on disk.
Fact<std::string> read_disk_link(const std::string& path);

}  // namespace rocekit::facts::tree
