#include "collectives/nccl/nccl_library.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "core/dynlib/library_search.h"
#include "core/dynlib/nccl_search.h"
#include "core/error.h"

namespace rocekit::collectives {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string version_text(int code) {
  // Before 2.9 the code was major * 1000 + minor * 100 + patch.
  if (code < 10000) return fmt::format("{}.{}.{}", code / 1000, code % 1000 / 100, code % 100);
  return fmt::format("{}.{}.{}", code / 10000, code % 10000 / 100, code % 100);
}

/// One line, without blanks at its ends.
std::string one_line(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](unsigned char letter) { return std::iscntrl(letter) != 0; }, ' ');
  const auto first = line.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return line.substr(first, line.find_last_not_of(' ') - first + 1);
}

struct Loader {
  const dynlib::SharedLibrary& library;

  template <class Function>
  void need(Function*& slot, const char* name) const {
    slot = library.function<Function>(name);
    if (slot == nullptr)
      throw InputError(fmt::format("{} is no NCCL to measure: it has no function {}", where(), name));
  }
  template <class Function>
  void take(Function*& slot, const char* name) const {
    slot = library.function<Function>(name);
  }
  std::string where() const { return library.real_path(); }
};

}  // namespace

std::string NcclLibrary::find(const std::string& path) {
  if (!path.empty()) {
    if (auto found = dynlib::find_library(path, variable("LD_LIBRARY_PATH"))) return *found;
    throw InputError(fmt::format("--nccl-lib {}: no library of this machine's architecture there", path));
  }
  if (auto found = dynlib::find_nccl()) return *found;
  const std::string named = variable("VLLM_NCCL_SO_PATH");
  if (!named.empty()) {
    throw InputError(fmt::format(
        "VLLM_NCCL_SO_PATH={}: no library of this machine's architecture there; correct or unset it", named));
  }
  throw InputError(
      "NCCL was not found: libnccl.so.2 is neither where the loader looks nor in a Python package nvidia-nccl; give "
      "its "
      "path with --nccl-lib");
}

NcclLibrary NcclLibrary::load(const std::string& path) {
  const std::string found = find(path);
  NcclLibrary nccl;
  nccl.library_ = dynlib::SharedLibrary(found);
  if (!nccl.library_) throw InputError(fmt::format("NCCL cannot be loaded: {}", nccl.library_.error()));
  nccl.path_ = nccl.library_.real_path();
  const Loader loader{nccl.library_};
  nccl::Functions& table = nccl.functions_;

  loader.need(table.get_version, "ncclGetVersion");
  loader.need(table.get_error_string, "ncclGetErrorString");
  if (const nccl::Result result = table.get_version(&nccl.version_code_); result != nccl::success)
    throw InputError(fmt::format("{}: {}", nccl.path_, nccl::describe(table, "ncclGetVersion", result, nullptr)));
  if (nccl.version_code_ < nccl::oldest_version) {
    throw InputError(
        fmt::format("{} is too old to be measured: 2.14 is the oldest that takes a configuration; give a "
                    "newer one with --nccl-lib",
                    nccl.description()));
  }

  loader.need(table.get_unique_id, "ncclGetUniqueId");
  loader.need(table.comm_init_rank_config, "ncclCommInitRankConfig");
  loader.need(table.comm_destroy, "ncclCommDestroy");
  loader.need(table.comm_abort, "ncclCommAbort");
  loader.need(table.comm_get_async_error, "ncclCommGetAsyncError");
  loader.need(table.all_reduce, "ncclAllReduce");
  loader.need(table.broadcast, "ncclBroadcast");
  loader.need(table.reduce_scatter, "ncclReduceScatter");
  loader.need(table.all_gather, "ncclAllGather");
  loader.need(table.send, "ncclSend");
  loader.need(table.recv, "ncclRecv");
  loader.need(table.group_start, "ncclGroupStart");
  loader.need(table.group_end, "ncclGroupEnd");
  loader.take(table.all_to_all, "ncclAlltoAll");
  loader.take(table.get_last_error, "ncclGetLastError");
  loader.take(table.comm_revoke, "ncclCommRevoke");
  loader.take(table.mem_alloc, "ncclMemAlloc");
  loader.take(table.mem_free, "ncclMemFree");

  if (!nccl.chooses_network()) {
    nccl.notes_.push_back(fmt::format(
        "NCCL {} takes no network by name (2.17 and newer do): it uses what it chooses itself", nccl.version()));
  }
  if (variable("NCCL_COMM_BLOCKING") == "0")
    nccl.notes_.push_back("NCCL_COMM_BLOCKING=0: NCCL starts a thread for each operation, which slows small ones");
  if (table.get_last_error == nullptr)
    nccl.notes_.push_back(fmt::format("NCCL {} gives no text with its errors", nccl.version()));
  return nccl;
}

std::string NcclLibrary::version() const { return version_text(version_code_); }

std::string NcclLibrary::description() const { return fmt::format("NCCL {} ({})", version(), path_); }

std::string nccl::describe(const Functions& functions, const char* function, Result result, Comm comm) {
  const char* const told = functions.get_error_string(result);
  const std::string meaning = told != nullptr ? told : fmt::format("error {}", result);
  const char* const last = functions.get_last_error != nullptr ? functions.get_last_error(comm) : nullptr;
  const std::string line = one_line(last != nullptr ? last : "");
  if (line.empty()) return fmt::format("{}: {}", function, meaning);
  // "invalid usage (run with NCCL_DEBUG=WARN for details)": here they are.
  return fmt::format("{}: {} ({})", function, meaning.substr(0, meaning.find(" (run with NCCL_DEBUG")), line);
}

}  // namespace rocekit::collectives
