#include "probes/facts/disk_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace rocekit::facts {
Missing missing_reason(int error_number) {
  return {why_from_errno(error_number), std::generic_category().message(error_number)};
}

std::string describe_bytes(const std::string& content) {
  constexpr std::size_t longest = 40;
  std::string text = "\"";
  for (const char c : content.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      text += c;
    } else {
      text += fmt::format("\\x{:02x}", byte);
    }
  }
  if (content.size() > longest) text += "...";
  return text + "\"";
}

std::string trim_right(std::string text) {
  const std::size_t last = text.find_last_not_of(" \t\n\r\f\v");
  text.erase(last == std::string::npos ? 0 : last + 1);
  return text;
}

Fact<std::string> read_disk_file(const std::string& path, std::size_t max_bytes, FollowLinks follow) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | (follow == FollowLinks::no ? O_NOFOLLOW : 0);
  const Descriptor file(::open(path.c_str(), flags));
  if (file.get() < 0) return missing_reason(errno);

  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return missing_reason(errno);
  if (S_ISDIR(status.st_mode)) return missing_reason(EISDIR);
  if (!S_ISREG(status.st_mode)) return Missing{Why::failed, "not a regular file"};

  const Missing too_large{Why::malformed, fmt::format("larger than {} bytes", max_bytes)};
  if (status.st_size > 0 && static_cast<std::size_t>(status.st_size) > max_bytes) return too_large;

  std::string content;
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return missing_reason(errno);
    }
    content.append(buffer.data(), static_cast<std::size_t>(count));
    if (content.size() > max_bytes) return too_large;
    // A file on disk is at its end when its size is reached. An attribute of sysfs claims a page and gives all that it
    // has at once. Files of procfs tell no size and may come in pieces.
    const bool short_of_buffer = static_cast<std::size_t>(count) < buffer.size();
    if (count == 0 || (status.st_size > 0 && short_of_buffer)) return content;
  }
}

}  // namespace rocekit::facts
