// A shared library loaded at run time (dlopen), so that a tool starts where the library is missing.
#pragma once

#include <string>

namespace rocekit::dynlib {

/// The library stays mapped until the process ends, also after destruction: drivers' libraries keep threads and exit
/// handlers that must not lose their code.
class SharedLibrary {
 public:
  /// Nothing loaded, no error.
  SharedLibrary() = default;
  /// `name` as dlopen takes it: "libibverbs.so.1" (searched as the loader does) or a path. Never throws for a library
  /// that is missing: see error().
  explicit SharedLibrary(const std::string& name);

  SharedLibrary(const SharedLibrary&) = delete;
  SharedLibrary& operator=(const SharedLibrary&) = delete;
  SharedLibrary(SharedLibrary&& other) noexcept;
  SharedLibrary& operator=(SharedLibrary&& other) noexcept;
  ~SharedLibrary();

  explicit operator bool() const { return handle_ != nullptr; }
  /// dlerror's sentence; empty when the library is loaded.
  const std::string& error() const { return error_; }

  /// The file that the loader chose, as it names it: "/lib/aarch64-linux-gnu/libibverbs.so.1". Empty when not loaded.
  const std::string& path() const { return path_; }
  /// path() with symbolic links followed: "/usr/lib/aarch64-linux-gnu/libibverbs.so.1.14.50.0".
  std::string real_path() const;

  /// Address of a symbol, of the symbol version ("IBVERBS_1.1") when one is given; nullptr when there is none.
  void* symbol(const char* name, const char* version = nullptr) const;
  /// The same as a function: library.function<int()>("ibv_fork_init").
  template <class Function>
  Function* function(const char* name, const char* version = nullptr) const {
    return reinterpret_cast<Function*>(symbol(name, version));
  }

 private:
  void* handle_ = nullptr;
  std::string path_;
  std::string error_;
};

}  // namespace rocekit::dynlib
