#include "core/io/user_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace rocekit::io {
namespace {

std::string reason(int error_number) { return std::generic_category().message(error_number); }

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ > STDERR_FILENO) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }
  /// The result of close(), where a network file system reports what it could not write.
  int close() { return ::close(std::exchange(number_, -1)); }

 private:
  int number_;
};

/// 0, or the errno.
int write_all(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

[[noreturn]] void fail_to_write(const std::filesystem::path& path, int error_number) {
  throw InputError(fmt::format("cannot write {}: {}", path.string(), reason(error_number)));
}

void write_in_place(const std::filesystem::path& path, std::string_view content) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  if (file.get() < 0) fail_to_write(path, errno);
  if (const int error = write_all(file.get(), content); error != 0) fail_to_write(path, error);
}

mode_t mode_for_new_files() {
  // umask can only be read by setting it; the tools write files before they start threads.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666U & ~mask;
}

/// Removes the temporary file unless it was renamed.
struct Temporary {
  std::string path;
  bool kept = false;
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  explicit Temporary(std::string name) : path(std::move(name)) {}
  ~Temporary() {
    if (!kept) ::unlink(path.c_str());
  }
};

}  // namespace

std::string read_input(const std::string& path, std::size_t max_bytes) {
  const bool standard_input = path == "-";
  const std::string name = standard_input ? "standard input" : path;
  Descriptor file(standard_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (file.get() < 0) throw InputError(fmt::format("cannot read {}: {}", name, reason(errno)));
  std::string content;
  std::array<char, 65536> block{};
  while (true) {
    const ssize_t got = ::read(file.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw InputError(fmt::format("cannot read {}: {}", name, reason(errno)));
    if (got == 0) return content;
    content.append(block.data(), static_cast<std::size_t>(got));
    if (content.size() > max_bytes) {
      throw InputError(fmt::format("cannot use {}: it is larger than {} MiB", name, max_bytes >> 20U));
    }
  }
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  struct stat status {};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (!exists && errno != ENOENT) fail_to_write(path, errno);
  if (exists && !S_ISREG(status.st_mode)) {
    write_in_place(path, content);
    return;
  }
  std::error_code error;
  const std::filesystem::path target = exists ? std::filesystem::canonical(path, error) : path;
  if (error) fail_to_write(path, error.value());
  // Renaming needs no right to write the old file, but whoever took that right away meant it.
  if (exists && ::access(target.c_str(), W_OK) != 0) fail_to_write(path, errno);

  std::filesystem::path pattern = target;
  pattern.replace_filename(fmt::format(".{}.XXXXXX", target.filename().string()));
  std::string name = pattern.string();
  Descriptor file(::mkstemp(name.data()));
  if (file.get() < 0) fail_to_write(path, errno);
  Temporary temporary(name);
  if (const int failed = write_all(file.get(), content); failed != 0) fail_to_write(path, failed);
  if (::fchmod(file.get(), exists ? status.st_mode & 07777U : mode_for_new_files()) != 0) fail_to_write(path, errno);
  if (file.close() != 0) fail_to_write(path, errno);
  if (::rename(name.c_str(), target.c_str()) != 0) fail_to_write(path, errno);
  temporary.kept = true;
}

void require_writable(const std::string& name) {
  if (name == "-") return;
  const std::filesystem::path path = name;
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    throw InputError(fmt::format("cannot write {}: it is a directory", name));
  }
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  if (!std::filesystem::is_directory(folder, error)) {
    throw InputError(fmt::format("cannot write {}: there is no directory {}", name, folder.string()));
  }
  const char* target = std::filesystem::exists(path, error) ? path.c_str() : folder.c_str();
  if (::access(target, W_OK) != 0) {
    throw InputError(fmt::format("cannot write {}: {} is not writable", name, target));
  }
}

bool write_standard_output(std::string_view content) {
  const int error = write_all(STDOUT_FILENO, content);
  if (error == 0) return true;
  if (error == EPIPE) return false;
  throw InputError(fmt::format("cannot write to standard output: {}", reason(error)));
}

}  // namespace rocekit::io
