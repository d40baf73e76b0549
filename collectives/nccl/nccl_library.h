// libnccl.so.2, loaded at run time: the very library that serving uses can be measured, and the tools start without it.
#pragma once

#include <string>
#include <vector>

#include "collectives/nccl/nccl_abi.h"
#include "core/dynlib/shared_library.h"

namespace rocekit::collectives {

namespace nccl {
/// "ncclCommInitRankConfig: invalid usage (Failed to initialize any NET plugin)": the result's meaning and NCCL's text
/// about the last error. `comm` may be nullptr.
std::string describe(const Functions& functions, const char* function, Result result, Comm comm);
}  // namespace nccl

class NcclLibrary {
 public:
  /// `path`: --nccl-lib; empty: VLLM_NCCL_SO_PATH, the nvidia-nccl package beside the active Python's PyTorch, what the
  /// loader finds, an nvidia-nccl package in the usual places. Nothing is loaded.
  /// Throws InputError: nothing is there.
  static std::string find(const std::string& path = {});
  /// Loads find(path). NCCL reads the environment and its conf files at its first use; one libnccl a process.
  /// Throws InputError: not there, not loadable, older than 2.14.
  static NcclLibrary load(const std::string& path = {});

  const std::string& path() const { return path_; }
  /// "2.28.9"
  std::string version() const;
  int version_code() const { return version_code_; }
  /// "NCCL 2.28.9 (/usr/lib/x86_64-linux-gnu/libnccl.so.2.28.9)"
  std::string description() const;
  /// What this library lacks, a sentence each: "NCCL 2.16.5 takes no network by name ...".
  const std::vector<std::string>& notes() const { return notes_; }
  bool chooses_network() const { return version_code_ >= nccl::first_with_net_name; }

  const nccl::Functions& functions() const { return functions_; }

 private:
  NcclLibrary() = default;

  dynlib::SharedLibrary library_;
  nccl::Functions functions_;
  std::string path_;
  int version_code_ = 0;
  std::vector<std::string> notes_;
};

}  // namespace rocekit::collectives
