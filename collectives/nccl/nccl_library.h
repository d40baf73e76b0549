// libnccl.so.2, loaded at run time: the very library that serving uses can be measured, and the tools start without it.
#pragma once

#include <string>
#include <vector>

#include "collectives/nccl/nccl_abi.h"
#include "core/dynlib/shared_library.h"

namespace rocekit::collectives {

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

  /// "ncclCommInitRankConfig: invalid usage (Failed to initialize any NET plugin)", with NCCL's last-error text, which
  /// is of this thread's last failed call; `comm` may be nullptr.
  std::string describe(const char* function, nccl::Result result, nccl::Comm comm) const;

  // Functions of nccl.h, by their names there.
  nccl::Result (*get_version)(int* version) = nullptr;
  nccl::Result (*get_unique_id)(nccl::UniqueId* id) = nullptr;
  nccl::Result (*comm_init_rank_config)(nccl::Comm* comm, int ranks, nccl::UniqueId id, int rank,
                                        nccl::Config* config) = nullptr;
  nccl::Result (*comm_destroy)(nccl::Comm comm) = nullptr;
  nccl::Result (*comm_abort)(nccl::Comm comm) = nullptr;
  nccl::Result (*comm_get_async_error)(nccl::Comm comm, nccl::Result* error) = nullptr;
  const char* (*get_error_string)(nccl::Result result) = nullptr;
  nccl::Result (*all_reduce)(const void* send, void* receive, std::size_t count, int type, int op, nccl::Comm comm,
                             nccl::Stream stream) = nullptr;
  nccl::Result (*broadcast)(const void* send, void* receive, std::size_t count, int type, int root, nccl::Comm comm,
                            nccl::Stream stream) = nullptr;
  nccl::Result (*reduce_scatter)(const void* send, void* receive, std::size_t receive_count, int type, int op,
                                 nccl::Comm comm, nccl::Stream stream) = nullptr;
  nccl::Result (*all_gather)(const void* send, void* receive, std::size_t send_count, int type, nccl::Comm comm,
                             nccl::Stream stream) = nullptr;
  nccl::Result (*send)(const void* data, std::size_t count, int type, int peer, nccl::Comm comm,
                       nccl::Stream stream) = nullptr;
  nccl::Result (*receive)(void* data, std::size_t count, int type, int peer, nccl::Comm comm,
                          nccl::Stream stream) = nullptr;
  nccl::Result (*group_start)() = nullptr;
  nccl::Result (*group_end)() = nullptr;
  // nullptr where the library lacks them
  nccl::Result (*all_to_all)(const void* send, void* receive, std::size_t count, int type, nccl::Comm comm,
                             nccl::Stream stream) = nullptr;          ///< 2.28
  const char* (*get_last_error)(nccl::Comm comm) = nullptr;           ///< 2.13
  nccl::Result (*comm_revoke)(nccl::Comm comm, int flags) = nullptr;  ///< 2.28.7

 private:
  NcclLibrary() = default;

  dynlib::SharedLibrary library_;
  std::string path_;
  int version_code_ = 0;
  std::vector<std::string> notes_;
};

}  // namespace rocekit::collectives
