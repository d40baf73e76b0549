#include "probes/facts/readers/library_version.h"

#include <fmt/format.h>

#include <string_view>

namespace rocekit::facts::readers {

Fact<std::string> rdma_core_version(const std::string& real_path) {
  const std::string_view path = real_path;
  static constexpr std::string_view stem = "libibverbs.so.";
  const std::string_view file = path.substr(path.find_last_of('/') + 1);
  if (file.starts_with(stem)) {
    const std::string_view numbers = file.substr(stem.size());
    const auto major_end = numbers.find('.');
    const auto minor_end = major_end == std::string_view::npos ? major_end : numbers.find('.', major_end + 1);
    if (minor_end != std::string_view::npos && minor_end + 1 < numbers.size()) {
      return std::string(numbers.substr(minor_end + 1));
    }
  }
  return Missing{Why::not_supported, fmt::format("{}: the file name holds no version of rdma-core", real_path)};
}

}  // namespace rocekit::facts::readers
