// Files and streams that the user names on the command line; every failure is one sentence (InputError).
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace rocekit::io {

/// The whole content of a file, pipe, or standard input ("-"). Throws when it cannot be read, is a directory, or is
/// longer than `max_bytes` (it stops reading there: /dev/zero ends in a sentence too).
std::string read_input(const std::string& path, std::size_t max_bytes);

/// Writes a file whole or not at all: beside its target under another name, then renamed over it. A symbolic link is
/// followed; what is no regular file (/dev/stderr, a FIFO) is written to, never replaced.
void write_file(const std::filesystem::path& path, std::string_view content);

/// Throws where write_file() would fail, as far as that can be seen now: a long measurement should not end there. "-",
/// standard output, is always writable.
void require_writable(const std::string& path);

/// Writes to standard output and flushes. A reader that has gone away (`| head`) is no error: returns false. Any other
/// failure (a full disk behind a redirection) throws. Precondition: SIGPIPE is ignored.
bool write_standard_output(std::string_view content);

}  // namespace rocekit::io
