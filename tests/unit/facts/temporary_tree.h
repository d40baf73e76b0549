// A small machine in a temporary directory, gone when the test ends.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace rocekit::testing {

class TemporaryTree {
 public:
  TemporaryTree() {
    std::string pattern = (std::filesystem::temp_directory_path() / "rocekit-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed: " + pattern);
    root_ = pattern;
  }
  ~TemporaryTree() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  TemporaryTree(const TemporaryTree&) = delete;
  TemporaryTree& operator=(const TemporaryTree&) = delete;

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path at(std::string_view path) const { return root_.string() + std::string(path); }

  TemporaryTree& file(std::string_view path, std::string_view content) {
    std::filesystem::create_directories(at(path).parent_path());
    std::ofstream(at(path), std::ios::binary) << content;
    return *this;
  }
  TemporaryTree& link(std::string_view path, std::string_view target) {
    std::filesystem::create_directories(at(path).parent_path());
    std::filesystem::create_symlink(target, at(path));
    return *this;
  }
  TemporaryTree& directory(std::string_view path) {
    std::filesystem::create_directories(at(path));
    return *this;
  }

 private:
  std::filesystem::path root_;
};

}  // namespace rocekit::testing
