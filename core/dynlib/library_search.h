// Where the loader would find a shared library, without loading it: its constructors do not run and nothing is mapped.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rocekit::dynlib {

/// Paths under which /etc/ld.so.cache lists a name ("libnccl.so.2"), in its order. `cache` is the file's content
/// (magic "glibc-ld.so.cache1.1", glibc's sysdeps/generic/dl-cache.h); empty when it is anything else.
std::vector<std::string> paths_in_ld_cache(std::string_view cache, std::string_view name);

/// The file that dlopen(name) would take: directories of `ld_library_path` (separated by ':' or ';'), then
/// /etc/ld.so.cache, then the system's directories. A name with a '/' is taken as a path. Only files of this
/// process's architecture count. nullopt: not found.
std::optional<std::string> find_library(std::string_view name, std::string_view ld_library_path);

/// What follows each `marker` in a library's read-only data (section .rodata, ELF64): each up to a NUL or 64
/// characters, the first `most` of them. Device code, which makes such libraries large, is not read.
std::vector<std::string> texts_after(const std::string& path, std::string_view marker, std::size_t most = 64);

}  // namespace rocekit::dynlib
