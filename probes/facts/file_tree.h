// Files of a machine: this one ("/"), or one saved as a directory (`--root DIR`).
//
// All readers of sysfs, procfs and configuration files go through a FileTree, so that a whole machine of
// another architecture and kernel can stand in a test. Paths are absolute paths of that machine.
//
// A saved machine may hold `fixture.json`: {"base": "../other-machine", "removed": ["/sys/..."]}. Its files
// then lie over those of the base: a machine with one fault is the few files that make the fault. A directory of an
// overlay that is a link in the base stands for the link's target, so /sys/class/net/eth0/mtu may be written as such.
// Below /proc/PID/root another root directory begins: that of a container, say. Links there stay inside it.
//
// Further keys: "errors": {"/path": {"why": "permission", "detail": "Permission denied"}} for what could not be read
// there, "directories": ["/path"] for directories that are empty.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "probes/facts/fact.h"

namespace rocekit::facts {

/// What a recording FileTree saw, path by path; enough to answer every question asked during the recording again.
struct FileRecord {
  std::map<std::string, std::string> files;                  ///< path -> content
  std::map<std::string, std::string> links;                  ///< path -> target as readlink gives it
  std::map<std::string, std::vector<std::string>> listings;  ///< directory -> entries
  std::map<std::string, Missing> errors;                     ///< path -> why it could not be read (no path in detail)
  std::set<std::string> directories;                         ///< seen to be directories
  std::set<std::string> present;                             ///< seen to exist; their content was not asked for

  friend bool operator==(const FileRecord&, const FileRecord&) = default;
};

class FileTree {
 public:
  /// Largest file that is read; a longer one is Why::malformed ("larger than ...").
  static constexpr std::size_t max_file_bytes = 1U << 20;

  /// The machine this process runs on.
  static FileTree live();
  /// A saved machine. Throws rocekit::InputError (core/error.h) naming the directory when it is no such thing.
  static FileTree open(const std::filesystem::path& directory);
  /// A recorded machine in memory. What was not asked during the recording is Why::not_read.
  static FileTree from_record(FileRecord record);

  FileTree(FileTree&&) noexcept;
  FileTree& operator=(FileTree&&) noexcept;
  ~FileTree();

  bool is_live() const;
  /// "/", the directory given to open(), or empty for a record.
  const std::filesystem::path& root() const;
  /// The directories of a saved machine: its own, then that of its base, and so on; empty for others.
  std::vector<std::filesystem::path> layers() const;

  /// Content with trailing white space removed.
  Fact<std::string> read(std::string_view path) const;
  /// Names in a directory, sorted, without "." and "..".
  Fact<std::vector<std::string>> list(std::string_view path) const;
  /// Target of a symbolic link as stored.
  Fact<std::string> link_target(std::string_view path) const;
  /// The path with every symbolic link followed inside the tree.
  Fact<std::string> canonical(std::string_view path) const;
  /// Whether the path, with links followed, is there. True also for what may not be looked at.
  bool exists(std::string_view path) const;

  /// Whether what is asked for is kept: a reader that needs no more than a name then asks for the file as well.
  bool is_recording() const;

  /// A number in a file: decimal, or hexadecimal with 0x. Malformed text is Why::malformed.
  Fact<long long> read_integer(std::string_view path) const;

  /// From now on everything read is also kept; record() gives it.
  void start_recording();
  FileRecord record() const;

 private:
  struct State;
  explicit FileTree(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace rocekit::facts
