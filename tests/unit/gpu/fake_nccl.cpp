// A libnccl that moves nothing: it writes down what it is called with, fails and hangs as told. FAKE_NCCL_OLD: without
// the functions that came after 2.12.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>

#include "collectives/nccl/nccl_abi.h"
#include "tests/unit/gpu/fake_nccl.h"

namespace {

using namespace rocekit::collectives::nccl;

FakeNccl fake;
std::mutex mutex;
std::string calls;
std::string snapshot;
std::atomic<bool> stopped{false};

void note(const std::string& text) {
  const std::lock_guard lock(mutex);
  calls += calls.empty() ? text : " " + text;
}

/// Until abort or revoke, as NCCL waits for peers.
int hang() {
  while (!stopped.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return 3;
}

std::string at(const void* pointer) { return std::to_string(reinterpret_cast<std::size_t>(pointer)); }

FakeNccl told() {
  const std::lock_guard lock(mutex);
  return fake;
}

}  // namespace

extern "C" {

void fake_nccl_tell(const FakeNccl* what) {
  const std::lock_guard lock(mutex);
  fake = *what;
}
const char* fake_nccl_calls() {
  const std::lock_guard lock(mutex);
  snapshot = calls;
  return snapshot.c_str();
}
void fake_nccl_forget() {
  const std::lock_guard lock(mutex);
  calls.clear();
  stopped = false;
}

int ncclGetVersion(int* version) {
  *version = told().version;
  return 0;
}
const char* ncclGetErrorString(int result) {
  return result == 5 ? "invalid usage (run with NCCL_DEBUG=WARN for details)" : "internal error";
}
int ncclGetUniqueId(UniqueId* id) {
  std::memset(id->internal, 'u', sizeof id->internal);
  return 0;
}
int ncclCommInitRankConfig(Comm* comm, int ranks, UniqueId id, int rank, Config* config) {
  const std::string net = config->net_name != nullptr ? config->net_name : "";
  note("init" + std::to_string(rank) + "/" + std::to_string(ranks) + id.internal[0] + net);
  if (told().hang_in_init) return hang();
  *comm = reinterpret_cast<Comm>(&fake);
  return told().init_result;
}
int ncclCommDestroy(Comm) {
  note("destroy");
  return 0;
}
int ncclCommAbort(Comm) {
  stopped = true;
  note("abort");
  return 0;
}
int ncclCommGetAsyncError(Comm, int* error) {
  *error = told().async_error;
  return 0;
}
int ncclAllReduce(const void* send, void* receive, std::size_t count, int type, int op, Comm, Stream) {
  note("all_reduce(" + at(send) + "," + at(receive) + "," + std::to_string(count) + "," + std::to_string(type) + "," +
       std::to_string(op) + ")");
  const FakeNccl now = told();
  return now.hang_in_all_reduce ? hang() : now.all_reduce_result;
}
int ncclBroadcast(const void*, void*, std::size_t count, int, int root, Comm, Stream) {
  note("broadcast(" + std::to_string(count) + "," + std::to_string(root) + ")");
  return 0;
}
int ncclReduceScatter(const void*, void*, std::size_t count, int, int, Comm, Stream) {
  note("reduce_scatter(" + std::to_string(count) + ")");
  return 0;
}
int ncclAllGather(const void*, void*, std::size_t count, int, Comm, Stream) {
  note("all_gather(" + std::to_string(count) + ")");
  return 0;
}
int ncclSend(const void* data, std::size_t count, int, int peer, Comm, Stream) {
  note("send(" + at(data) + "," + std::to_string(count) + ",to " + std::to_string(peer) + ")");
  return 0;
}
int ncclRecv(void* data, std::size_t count, int, int peer, Comm, Stream) {
  note("recv(" + at(data) + "," + std::to_string(count) + ",from " + std::to_string(peer) + ")");
  return 0;
}
int ncclGroupStart() {
  note("{");
  return 0;
}
int ncclGroupEnd() {
  note("}");
  return 0;
}
#ifndef FAKE_NCCL_OLD
const char* ncclGetLastError(Comm) { return told().last_error; }
int ncclAlltoAll(const void*, void*, std::size_t count, int, Comm, Stream) {
  note("all_to_all(" + std::to_string(count) + ")");
  return 0;
}
int ncclCommRevoke(Comm, int) {
  stopped = true;
  note("revoke");
  return 0;
}
#endif
}
