#include "probes/facts/snapshot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "probes/facts/disk_file.h"
#include "probes/facts/facts_json.h"
#include "probes/facts/fixture_manifest.h"
#include "probes/facts/secrets.h"
#include "probes/facts/tree/source.h"

namespace rocekit::facts {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void cannot_write(const fs::path& path, const std::string& reason) {
  throw InputError(fmt::format("{}: cannot be written: {}", path.string(), reason));
}

/// A directory beside the target that goes away again unless it is renamed to the target.
class HalfWritten {
 public:
  explicit HalfWritten(const fs::path& target) : path_(target.string() + ".partial-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) cannot_write(target, missing_reason(errno).detail);
    // mkdtemp makes it private; what is saved is made to be given to others.
    ::chmod(path_.c_str(), 0755);
  }
  ~HalfWritten() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  HalfWritten(const HalfWritten&) = delete;
  HalfWritten& operator=(const HalfWritten&) = delete;

  const std::string& path() const { return path_; }
  void become(const fs::path& target) {
    if (::rename(path_.c_str(), target.c_str()) != 0) cannot_write(target, missing_reason(errno).detail);
    path_.clear();
  }

 private:
  std::string path_;
};

void write_file(const fs::path& path, const std::string& content) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (file < 0) cannot_write(path, missing_reason(errno).detail);
  std::string_view rest = content;
  int error = 0;
  while (!rest.empty() && error == 0) {
    const ssize_t count = ::write(file, rest.data(), rest.size());
    if (count >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (::close(file) != 0 && error == 0) error = errno;
  if (error != 0) cannot_write(path, missing_reason(error).detail);
}

void make_directories(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) cannot_write(path, error.message());
}

/// A record is made of canonical paths; one from elsewhere must not lead out of the directory that is written.
void require_inside(const std::string& path) {
  const bool inside = !path.empty() && path.front() == '/' && path.find('\0') == std::string::npos &&
                      (path + "/").find("/../") == std::string::npos;
  if (!inside) throw InputError(fmt::format("\"{}\" is no path of a recorded machine", path));
}

void require_empty(const fs::path& directory) {
  struct stat status {};
  if (::lstat(directory.c_str(), &status) != 0) return;
  const auto entries = tree::list_disk_directory(directory.string());
  if (!S_ISDIR(status.st_mode) || !entries || !entries->empty()) {
    throw InputError(fmt::format("{}: exists and is not an empty directory; give a new name", directory.string()));
  }
}

class Writer {
 public:
  Writer(const FileRecord& record, fs::path root) : record_(record), root_(std::move(root)) {}

  void write() {
    for (const auto& [path, target] : record_.links) {
      const fs::path at = prepare(path);
      std::error_code error;
      fs::create_symlink(target, at, error);
      if (error) cannot_write(at, error.message());
    }
    for (const auto& [path, content] : record_.files) {
      write_file(prepare(path), without_secrets(path, content) + (content.empty() ? "" : "\n"));
    }
    for (const auto& path : record_.present) write_placeholder(path);
    for (const auto& [directory, names] : record_.listings) {
      const std::string prefix = directory == "/" ? "" : directory;
      for (const std::string& name : names) write_placeholder(prefix + "/" + name);
    }
  }

  FixtureManifest manifest() const {
    FixtureManifest manifest;
    for (const auto& [path, missing] : record_.errors) {
      if (missing != missing_reason(ENOENT)) manifest.errors.emplace(path, missing);
    }
    // Directories in which nothing stands; version control would lose them.
    std::set<std::string> directories = record_.directories;
    for (const auto& [path, names] : record_.listings) directories.insert(path);
    for (const std::string& path : directories) {
      const auto entries = tree::list_disk_directory(root_.string() + path);
      if (path != "/" && (!entries || entries->empty())) manifest.directories.push_back(path);
    }
    return manifest;
  }

 private:
  fs::path prepare(const std::string& path) {
    require_inside(path);
    fs::path at = root_.string() + path;
    make_directories(at.parent_path());
    return at;
  }

  /// An entry whose content nobody asked for.
  void write_placeholder(const std::string& path) {
    const bool is_directory = record_.directories.count(path) != 0 || record_.listings.count(path) != 0;
    if (is_directory || record_.errors.count(path) != 0) return;
    const fs::path at = prepare(path);
    struct stat status {};
    if (::lstat(at.c_str(), &status) != 0) write_file(at, "");
  }

  const FileRecord& record_;
  fs::path root_;
};

}  // namespace

FileTree tree_of(const Snapshot& snapshot) { return FileTree::from_record(snapshot.files); }

void write_snapshot(const Snapshot& snapshot, const fs::path& directory) {
  fs::path target = directory;
  if (!target.has_filename()) target = target.parent_path();
  require_empty(target);
  HalfWritten half(target);
  Writer writer(snapshot.files, half.path());
  writer.write();
  const std::string answers =
      to_json(snapshot.answers).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  write_file(fs::path(half.path()) / "facts-extra.json", answers + "\n");
  write_file(fs::path(half.path()) / "fixture.json", manifest_text(writer.manifest()));
  half.become(target);
}

}  // namespace rocekit::facts
