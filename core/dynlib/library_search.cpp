#include "core/dynlib/library_search.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

namespace rocekit::dynlib {
namespace {

#if defined(__x86_64__)
constexpr std::uint16_t this_machine = EM_X86_64;
constexpr const char* multiarch = "x86_64-linux-gnu";
#elif defined(__aarch64__)
constexpr std::uint16_t this_machine = EM_AARCH64;
constexpr const char* multiarch = "aarch64-linux-gnu";
#else
constexpr std::uint16_t this_machine = EM_NONE;  // any
constexpr const char* multiarch = ".";
#endif

constexpr std::string_view cache_magic = "glibc-ld.so.cache1.1";
constexpr std::size_t largest_rodata_bytes = 256U << 20;
constexpr std::size_t longest_text = 64;
constexpr std::size_t small_file_bytes = 1U << 20;

struct CacheHeader {
  char magic[20];
  std::uint32_t entry_count;
  std::uint32_t strings_bytes;
  std::uint32_t unused[5];
};
struct CacheEntry {
  std::int32_t flags;
  std::uint32_t key;    ///< offset of the name from the header
  std::uint32_t value;  ///< offset of the path
  std::uint32_t os_version;
  std::uint64_t hwcap;
};
static_assert(sizeof(CacheHeader) == 48 && sizeof(CacheEntry) == 24);

std::string_view text_at(std::string_view bytes, std::size_t offset) {
  if (offset >= bytes.size()) return {};
  const std::string_view rest = bytes.substr(offset);
  return rest.substr(0, rest.find('\0'));
}

/// A file mapped for reading.
class Mapping {
 public:
  explicit Mapping(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    struct stat status {};
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
      size_ = static_cast<std::size_t>(status.st_size);
      // Of a small file every page will be looked at, of a library few.
      const int populate = size_ <= small_file_bytes ? MAP_POPULATE : 0;
      data_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE | populate, fd, 0);
    }
    close(fd);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (data_ != MAP_FAILED) munmap(data_, size_);
  }
  std::string_view bytes() const {
    return data_ == MAP_FAILED ? std::string_view() : std::string_view(static_cast<const char*>(data_), size_);
  }

 private:
  void* data_ = MAP_FAILED;
  std::size_t size_ = 0;
};

template <class T>
bool copy_at(std::string_view bytes, std::uint64_t offset, T& out) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return false;
  std::memcpy(&out, bytes.data() + offset, sizeof(T));
  return true;
}

std::string_view slice(std::string_view bytes, std::uint64_t offset, std::uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset) return {};
  return bytes.substr(offset, size);
}

std::string_view section(std::string_view bytes, std::string_view wanted) {
  Elf64_Ehdr header;
  if (!copy_at(bytes, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_shentsize != sizeof(Elf64_Shdr)) {
    return {};
  }
  const auto header_at = [&](std::uint64_t index, Elf64_Shdr& out) {
    return header.e_shoff <= bytes.size() && copy_at(bytes, header.e_shoff + index * sizeof(Elf64_Shdr), out);
  };
  Elf64_Shdr names;
  if (!header_at(header.e_shstrndx, names)) return {};
  const std::string_view name_table = slice(bytes, names.sh_offset, names.sh_size);
  for (std::uint64_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr entry;
    if (!header_at(i, entry)) return {};
    if (text_at(name_table, entry.sh_name) == wanted) return slice(bytes, entry.sh_offset, entry.sh_size);
  }
  return {};
}

/// Whether `name`, with its terminating zero, stands at `offset`.
bool stands_at(std::string_view bytes, std::uint64_t offset, std::string_view name) {
  const std::string_view there = slice(bytes, offset, name.size() + 1);
  return !there.empty() && there.back() == '\0' && there.starts_with(name);
}

bool is_library(const std::string& path) {
  const Mapping file(path);
  Elf64_Ehdr header;
  return copy_at(file.bytes(), 0, header) && std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
         (this_machine == EM_NONE || header.e_machine == this_machine);
}

}  // namespace

std::vector<std::string> paths_in_ld_cache(std::string_view cache, std::string_view name) {
  std::vector<std::string> paths;
  // An old-format cache may stand before the new one.
  const std::size_t start = cache.find(cache_magic);
  if (start == std::string_view::npos) return paths;
  cache.remove_prefix(start);
  CacheHeader header;
  if (!copy_at(cache, 0, header)) return paths;
  for (std::uint64_t i = 0; i < header.entry_count; ++i) {
    CacheEntry entry;
    if (!copy_at(cache, sizeof(CacheHeader) + i * sizeof(CacheEntry), entry)) break;
    if (stands_at(cache, entry.key, name)) paths.emplace_back(text_at(cache, entry.value));
  }
  return paths;
}

std::optional<std::string> find_library(std::string_view name, std::string_view ld_library_path) {
  if (name.empty()) return std::nullopt;
  if (name.find('/') != std::string_view::npos) {
    std::string path(name);
    return is_library(path) ? std::optional(std::move(path)) : std::nullopt;
  }
  while (!ld_library_path.empty()) {
    const std::size_t end = ld_library_path.find_first_of(":;");
    const std::string_view directory = ld_library_path.substr(0, end);
    ld_library_path.remove_prefix(end == std::string_view::npos ? ld_library_path.size() : end + 1);
    if (directory.empty()) continue;
    std::string path = std::string(directory) + "/" + std::string(name);
    if (is_library(path)) return path;
  }
  const Mapping cache("/etc/ld.so.cache");
  for (const std::string& path : paths_in_ld_cache(cache.bytes(), name)) {
    if (is_library(path)) return path;
  }
  // Where /lib is a link to /usr/lib, as on most systems, each file of the one is a file of the other.
  struct stat lib {};
  const bool is_merged = lstat("/lib", &lib) == 0 && S_ISLNK(lib.st_mode);
  const std::string file(name);
  for (const std::string& directory :
       {std::string("/lib/") + multiarch, std::string("/usr/lib/") + multiarch, std::string("/lib64"),
        std::string("/usr/lib64"), std::string("/lib"), std::string("/usr/lib")}) {
    if (is_merged && directory.starts_with("/usr")) continue;
    std::string path = directory + "/" + file;
    if (is_library(path)) return path;
  }
  return std::nullopt;
}

std::vector<std::string> texts_after(const std::string& path, std::string_view marker, std::size_t most) {
  std::vector<std::string> texts;
  if (marker.empty()) return texts;
  const Mapping mapping(path);
  const std::string_view data = section(mapping.bytes(), ".rodata").substr(0, largest_rodata_bytes);
  for (std::size_t found = data.find(marker); found != std::string_view::npos && texts.size() < most;
       found = data.find(marker, found + marker.size())) {
    texts.emplace_back(text_at(data, found + marker.size()).substr(0, longest_text));
  }
  return texts;
}

}  // namespace rocekit::dynlib
