// A libnccl that moves nothing: it writes down what it is called with, fails and hangs as told. FAKE_NCCL_OLD: without
// the functions that came after 2.12.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>

#include "tests/unit/gpu/fake_nccl.h"

namespace {

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

}  // namespace

extern "C" {

FakeNccl* fake_nccl() { return &fake; }
const char* fake_nccl_calls() {
  const std::lock_guard lock(mutex);
  snapshot = calls;
  return snapshot.c_str();
}
void fake_nccl_reset() {
  const std::lock_guard lock(mutex);
  fake = FakeNccl();
  calls.clear();
  stopped = false;
}

int ncclGetVersion(int* version) {
  *version = fake.version;
  return 0;
}
const char* ncclGetErrorString(int result) { return result == 5 ? "invalid usage" : "internal error"; }
int ncclGetUniqueId(FakeUniqueId* id) {
  std::memset(id->internal, 'u', sizeof id->internal);
  return 0;
}
int ncclCommInitRankConfig(void** comm, int ranks, FakeUniqueId id, int rank, void* config) {
  std::memcpy(fake.config, config, sizeof fake.config);
  note("init" + std::to_string(rank) + "/" + std::to_string(ranks) + id.internal[0]);
  if (fake.hang_in_init) return hang();
  *comm = &fake;
  return fake.init_result;
}
int ncclCommDestroy(void*) {
  note("destroy");
  return 0;
}
int ncclCommAbort(void*) {
  stopped = true;
  note("abort");
  return 0;
}
int ncclCommGetAsyncError(void*, int* error) {
  *error = fake.async_error;
  return 0;
}
int ncclAllReduce(const void* send, void* receive, std::size_t count, int type, int op, void*, void*) {
  note("all_reduce(" + at(send) + "," + at(receive) + "," + std::to_string(count) + "," + std::to_string(type) + "," +
       std::to_string(op) + ")");
  return fake.hang_in_all_reduce ? hang() : fake.all_reduce_result;
}
int ncclBroadcast(const void*, void*, std::size_t count, int, int root, void*, void*) {
  note("broadcast(" + std::to_string(count) + "," + std::to_string(root) + ")");
  return 0;
}
int ncclReduceScatter(const void*, void*, std::size_t count, int, int, void*, void*) {
  note("reduce_scatter(" + std::to_string(count) + ")");
  return 0;
}
int ncclAllGather(const void*, void*, std::size_t count, int, void*, void*) {
  note("all_gather(" + std::to_string(count) + ")");
  return 0;
}
int ncclSend(const void* data, std::size_t count, int, int peer, void*, void*) {
  note("send(" + at(data) + "," + std::to_string(count) + ",to " + std::to_string(peer) + ")");
  return 0;
}
int ncclRecv(void* data, std::size_t count, int, int peer, void*, void*) {
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
const char* ncclGetLastError(void*) { return fake.last_error; }
int ncclAlltoAll(const void*, void*, std::size_t count, int, void*, void*) {
  note("all_to_all(" + std::to_string(count) + ")");
  return 0;
}
int ncclCommRevoke(void*, int) {
  stopped = true;
  note("revoke");
  return 0;
}
#endif
}
