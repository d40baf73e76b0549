#include "probes/facts/tree/source.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "probes/facts/disk_file.h"

namespace rocekit::facts::tree {
namespace {

// Far above any directory of sysfs; a bound against a directory that is no part of a machine.
constexpr std::size_t max_directory_entries = 100'000;

Kind kind_of_mode(mode_t mode) {
  if (S_ISREG(mode)) return Kind::file;
  if (S_ISDIR(mode)) return Kind::directory;
  if (S_ISLNK(mode)) return Kind::link;
  return Kind::special;
}

Kind kind_of_entry(const std::string& directory, const dirent64& entry) {
  switch (entry.d_type) {
    case DT_REG:
      return Kind::file;
    case DT_DIR:
      return Kind::directory;
    case DT_LNK:
      return Kind::link;
    case DT_UNKNOWN:
      return disk_kind(directory + "/" + static_cast<const char*>(entry.d_name)).value_or(Kind::absent);
    default:
      return Kind::special;
  }
}

}  // namespace

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::size_t process_root_length(std::string_view path) {
  constexpr std::string_view start = "/proc/";
  if (path.substr(0, start.size()) != start) return 0;
  const std::size_t slash = path.find('/', start.size());
  if (slash == std::string_view::npos) return 0;
  const std::string_view process = path.substr(start.size(), slash - start.size());
  const bool is_number = !process.empty() && process.find_first_not_of("0123456789") == std::string_view::npos;
  if (!is_number && process != "self") return 0;
  constexpr std::string_view root = "/root";
  if (path.substr(slash, root.size()) != root) return 0;
  const std::size_t length = slash + root.size();
  return path.size() == length || path[length] == '/' ? length : 0;
}

Fact<std::vector<DiskEntry>> list_disk_directory(const std::string& path) {
  const Descriptor directory(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return missing_reason(errno);
  std::vector<DiskEntry> entries;
  // Of the size that the directories of sysfs need; opendir() would allocate what a network file system asks for.
  alignas(dirent64) std::array<char, 32768> buffer;
  for (;;) {
    const ssize_t bytes = ::getdents64(directory.get(), buffer.data(), buffer.size());
    if (bytes < 0) return missing_reason(errno);
    if (bytes == 0) break;
    for (ssize_t at = 0; at < bytes;) {
      const auto& entry = *reinterpret_cast<const dirent64*>(buffer.data() + at);
      at += entry.d_reclen;
      const std::string name = static_cast<const char*>(entry.d_name);
      if (name == "." || name == "..") continue;
      if (entries.size() == max_directory_entries) {
        return Missing{Why::malformed, fmt::format("more than {} entries", max_directory_entries)};
      }
      entries.push_back({name, kind_of_entry(path, entry)});
    }
  }
  std::sort(entries.begin(), entries.end(), [](const DiskEntry& a, const DiskEntry& b) { return a.name < b.name; });
  return entries;
}

Fact<Kind> disk_kind(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return missing_reason(errno);
  return kind_of_mode(status.st_mode);
}

Fact<std::string> canonical_on_disk(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (file.get() < 0) return missing_reason(errno);
  return read_disk_link(fmt::format("/proc/self/fd/{}", file.get()));
}

Fact<std::string> read_disk_link(const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  if (length < 0) return missing_reason(errno);
  return std::string(target.data(), static_cast<std::size_t>(length));
}

}  // namespace rocekit::facts::tree
