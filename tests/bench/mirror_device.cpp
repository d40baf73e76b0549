// An RDMA device that takes no time and sends everything back: in place of libibverbs.so.1, it makes what a program
// does for each message visible, apart from any wire. A send lands in the oldest receive posted to the same queue pair;
// a write lands where it aims, which must be registered memory of this process. So one end's loop runs without the
// other.
//
// From the message numbered MIRROR_FROM to the one numbered MIRROR_TO (environment) it lets callgrind count, if that is
// what the process runs under; then it prints the mean time of an iteration on stderr and ends the process.
#include <infiniband/verbs.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#endif

#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

#define EXPORTED extern "C" __attribute__((visibility("default")))
// The header makes macros of these names; here they are the library's functions themselves.
#undef ibv_query_port
#undef ibv_reg_mr

namespace {

constexpr const char* device_name = "mirror0";
constexpr std::uint32_t ring_size = 1u << 14;  // more than any queue that is asked for
constexpr int max_work = 8192;

template <class T>
class Ring {
 public:
  bool empty() const { return taken_ == put_; }
  void put(const T& value) { values_[put_++ % ring_size] = value; }
  T take() { return values_[taken_++ % ring_size]; }

 private:
  std::vector<T> values_ = std::vector<T>(ring_size);
  std::uint32_t put_ = 0;
  std::uint32_t taken_ = 0;
};

// Each begins with the library's struct, whose address is the handle.
struct CompletionQueue {
  ibv_cq handle{};
  Ring<ibv_wc> completions;
};
struct Receive {
  std::uint64_t id = 0;
  std::uint64_t address = 0;
  std::uint32_t length = 0;
};
struct QueuePair {
  ibv_qp handle{};
  bool signals_all = false;
  Ring<Receive> receives;
};

ibv_device* the_device() {
  static ibv_device device = [] {
    ibv_device made{};
    made.node_type = IBV_NODE_CA;
    made.transport_type = IBV_TRANSPORT_IB;
    std::snprintf(made.name, sizeof made.name, "%s", device_name);
    std::snprintf(made.dev_name, sizeof made.dev_name, "uverbs0");
    return made;
  }();
  return &device;
}

constexpr int page_bits = 12;

struct Region {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  /// Key of the region and the number of its first page, so that a peer's key says where its region begins.
  std::uint32_t key() const { return static_cast<std::uint32_t>(begin >> page_bits); }
};
std::vector<Region>& regions() {
  static std::vector<Region> all;
  return all;
}

[[noreturn]] void give_up(const char* why) {
  std::fprintf(stderr, "mirror device: %s\n", why);
  _exit(3);
}

// ---- counting

std::uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t number_of(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? UINT64_MAX : std::strtoull(value, nullptr, 10);
}

class Counter {
 public:
  void message() {
    const std::uint64_t number = messages_++;
    if (number == from_) begin();
    if (number == to_) end();
  }

 private:
  __attribute__((noinline)) void begin() {
    begun_ns_ = now_ns();
    CALLGRIND_START_INSTRUMENTATION;
  }
  __attribute__((noinline)) void end() {
    CALLGRIND_STOP_INSTRUMENTATION;
    const auto elapsed = static_cast<double>(now_ns() - begun_ns_);
    std::fprintf(stderr, "mirror device: %.2f ns an iteration\n", elapsed / static_cast<double>(to_ - from_));
    _exit(0);
  }

  std::uint64_t messages_ = 0;
  std::uint64_t begun_ns_ = 0;
  const std::uint64_t from_ = number_of("MIRROR_FROM");
  const std::uint64_t to_ = number_of("MIRROR_TO");
};
Counter counter;

// ---- moving

void complete(ibv_cq* queue, std::uint64_t id, ibv_wc_opcode opcode, std::uint32_t bytes, std::uint32_t queue_pair) {
  ibv_wc completion{};
  completion.wr_id = id;
  completion.status = IBV_WC_SUCCESS;
  completion.opcode = opcode;
  completion.byte_len = bytes;
  completion.qp_num = queue_pair;
  reinterpret_cast<CompletionQueue*>(queue)->completions.put(completion);
}

void copy(std::uint64_t to, std::uint64_t from, std::uint32_t length) {
  std::memcpy(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), length);
}

/// Where in this process's memory a write to `address` under `key` lands: in the region of that key, else (the peer's)
/// as far into the first region as it would into the peer's.
std::uint64_t landing_place(std::uint64_t address, std::uint32_t key, std::uint32_t length) {
  const Region* target = &regions().front();
  for (const Region& region : regions()) {
    if (region.key() == key) target = &region;
  }
  const std::uint64_t offset = (address - (std::uint64_t{key} << page_bits)) & ((std::uint64_t{1} << 44) - 1);
  const std::uint64_t place = (target->begin >> page_bits << page_bits) + offset;
  if (place < target->begin || place + length > target->end) give_up("a write aims beside the memory registered");
  return place;
}

void move(QueuePair& pair, const ibv_send_wr& work) {
  const ibv_sge piece = work.num_sge > 0 ? work.sg_list[0] : ibv_sge{};
  switch (work.opcode) {
    case IBV_WR_SEND: {
      if (pair.receives.empty()) give_up("a send found no receive");
      const Receive receive = pair.receives.take();
      if (receive.length < piece.length) give_up("a receive is shorter than its message");
      copy(receive.address, piece.addr, piece.length);
      complete(pair.handle.recv_cq, receive.id, IBV_WC_RECV, piece.length, pair.handle.qp_num);
      break;
    }
    case IBV_WR_RDMA_WRITE:
      copy(landing_place(work.wr.rdma.remote_addr, work.wr.rdma.rkey, piece.length), piece.addr, piece.length);
      break;
    default:
      give_up("only send and write are mirrored");
  }
  if (pair.signals_all || (work.send_flags & IBV_SEND_SIGNALED) != 0) {
    const ibv_wc_opcode opcode = work.opcode == IBV_WR_SEND ? IBV_WC_SEND : IBV_WC_RDMA_WRITE;
    complete(pair.handle.send_cq, work.wr_id, opcode, piece.length, pair.handle.qp_num);
  }
}

int post_send(ibv_qp* handle, ibv_send_wr* work, ibv_send_wr**) {
  for (; work != nullptr; work = work->next) {
    counter.message();
    move(*reinterpret_cast<QueuePair*>(handle), *work);
  }
  return 0;
}

int post_recv(ibv_qp* handle, ibv_recv_wr* work, ibv_recv_wr**) {
  for (; work != nullptr; work = work->next) {
    const ibv_sge piece = work->num_sge > 0 ? work->sg_list[0] : ibv_sge{};
    reinterpret_cast<QueuePair*>(handle)->receives.put({work->wr_id, piece.addr, piece.length});
  }
  return 0;
}

int poll_cq(ibv_cq* handle, int most, ibv_wc* completions) {
  auto& ring = reinterpret_cast<CompletionQueue*>(handle)->completions;
  int count = 0;
  while (count < most && !ring.empty()) completions[count++] = ring.take();
  return count;
}

/// 127.0.0.1, as a RoCE v2 GID has it.
ibv_gid the_gid() {
  ibv_gid gid{};
  gid.raw[10] = gid.raw[11] = 0xff;
  gid.raw[12] = 127;
  gid.raw[15] = 1;
  return gid;
}

}  // namespace

// ---- the library's functions that programs call

EXPORTED ibv_device** ibv_get_device_list(int* count) {
  if (count != nullptr) *count = 1;
  auto* const list = new ibv_device* [2] {};
  list[0] = the_device();
  return list;
}
EXPORTED void ibv_free_device_list(ibv_device** list) { delete[] list; }
EXPORTED const char* ibv_get_device_name(ibv_device* device) { return device->name; }
EXPORTED __be64 ibv_get_device_guid(ibv_device*) { return htonl(1); }

EXPORTED ibv_context* ibv_open_device(ibv_device* device) {
  auto* const context = new ibv_context{};  // abi_compat stays null: none of the later extensions
  context->device = device;
  context->ops.poll_cq = poll_cq;
  context->ops.post_send = post_send;
  context->ops.post_recv = post_recv;
  context->ops.req_notify_cq = [](ibv_cq*, int) { return 0; };
  context->num_comp_vectors = 1;
  context->cmd_fd = context->async_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  return context;
}
EXPORTED int ibv_close_device(ibv_context* context) {
  close(context->async_fd);
  delete context;
  return 0;
}

EXPORTED int ibv_query_device(ibv_context*, ibv_device_attr* attributes) {
  *attributes = {};
  attributes->max_mr_size = UINT64_MAX;
  attributes->page_size_cap = 0xfffff000;
  attributes->max_qp = attributes->max_cq = attributes->max_mr = attributes->max_pd = attributes->max_ah = 1024;
  attributes->max_qp_wr = attributes->max_cqe = max_work;
  attributes->max_sge = attributes->max_sge_rd = 16;
  attributes->max_qp_rd_atom = attributes->max_qp_init_rd_atom = 16;
  attributes->atomic_cap = IBV_ATOMIC_NONE;
  attributes->phys_port_cnt = 1;
  return 0;
}
EXPORTED int ibv_query_port(ibv_context*, std::uint8_t, _compat_ibv_port_attr* compatible) {
  auto* const port = reinterpret_cast<ibv_port_attr*>(compatible);
  port->state = IBV_PORT_ACTIVE;
  port->max_mtu = port->active_mtu = IBV_MTU_4096;
  port->gid_tbl_len = 1;
  port->max_msg_sz = 1u << 30;
  port->active_width = 2;
  port->active_speed = 32;
  port->phys_state = 5;
  port->link_layer = IBV_LINK_LAYER_ETHERNET;
  return 0;
}
EXPORTED int ibv_query_gid(ibv_context*, std::uint8_t, int, ibv_gid* gid) {
  *gid = the_gid();
  return 0;
}
EXPORTED int _ibv_query_gid_ex(ibv_context*, std::uint32_t port, std::uint32_t index, ibv_gid_entry* entry,
                               std::uint32_t, std::size_t) {
  *entry = {the_gid(), index, port, IBV_GID_TYPE_ROCE_V2, 1};
  return 0;
}
EXPORTED ssize_t _ibv_query_gid_table(ibv_context*, ibv_gid_entry* entries, std::size_t most, std::uint32_t,
                                      std::size_t) {
  if (most > 0) entries[0] = {the_gid(), 0, 1, IBV_GID_TYPE_ROCE_V2, 1};
  return most > 0 ? 1 : 0;
}

EXPORTED ibv_pd* ibv_alloc_pd(ibv_context* context) { return new ibv_pd{context, 0}; }
EXPORTED int ibv_dealloc_pd(ibv_pd* domain) {
  delete domain;
  return 0;
}
EXPORTED ibv_mr* ibv_reg_mr_iova2(ibv_pd* domain, void* address, std::size_t length, std::uint64_t, unsigned) {
  const auto begin = reinterpret_cast<std::uint64_t>(address);
  regions().push_back({begin, begin + length});
  return new ibv_mr{domain->context, domain, address, length, 0, 1, regions().back().key()};
}
EXPORTED ibv_mr* ibv_reg_mr(ibv_pd* domain, void* address, std::size_t length, int access) {
  return ibv_reg_mr_iova2(domain, address, length, 0, static_cast<unsigned>(access));
}
EXPORTED int ibv_dereg_mr(ibv_mr* region) {
  delete region;
  return 0;
}

EXPORTED ibv_comp_channel* ibv_create_comp_channel(ibv_context* context) {
  return new ibv_comp_channel{context, context->async_fd, 0};
}
EXPORTED int ibv_destroy_comp_channel(ibv_comp_channel* channel) {
  delete channel;
  return 0;
}
EXPORTED int ibv_get_cq_event(ibv_comp_channel*, ibv_cq**, void**) { give_up("events are not mirrored"); }
EXPORTED void ibv_ack_cq_events(ibv_cq*, unsigned) {}
EXPORTED ibv_cq* ibv_create_cq(ibv_context* context, int entries, void* cq_context, ibv_comp_channel* channel, int) {
  auto* const queue = new CompletionQueue;
  queue->handle.context = context;
  queue->handle.channel = channel;
  queue->handle.cq_context = cq_context;
  queue->handle.cqe = entries;
  return &queue->handle;
}
EXPORTED int ibv_destroy_cq(ibv_cq* handle) {
  delete reinterpret_cast<CompletionQueue*>(handle);
  return 0;
}

EXPORTED ibv_qp* ibv_create_qp(ibv_pd* domain, ibv_qp_init_attr* attributes) {
  static std::uint32_t number = 100;
  auto* const pair = new QueuePair;
  pair->handle.context = domain->context;
  pair->handle.pd = domain;
  pair->handle.send_cq = attributes->send_cq;
  pair->handle.recv_cq = attributes->recv_cq;
  pair->handle.qp_type = attributes->qp_type;
  pair->handle.qp_num = number++;
  pair->handle.state = IBV_QPS_RESET;
  pair->signals_all = attributes->sq_sig_all != 0;
  return &pair->handle;
}
EXPORTED int ibv_modify_qp(ibv_qp* handle, ibv_qp_attr* attributes, int mask) {
  if ((mask & IBV_QP_STATE) != 0) handle->state = attributes->qp_state;
  return 0;
}
EXPORTED int ibv_query_qp(ibv_qp* handle, ibv_qp_attr* attributes, int, ibv_qp_init_attr*) {
  *attributes = {};
  attributes->qp_state = handle->state;
  return 0;
}
EXPORTED int ibv_destroy_qp(ibv_qp* handle) {
  delete reinterpret_cast<QueuePair*>(handle);
  return 0;
}
EXPORTED ibv_ah* ibv_create_ah(ibv_pd* domain, ibv_ah_attr*) { return new ibv_ah{domain->context, domain, 0}; }
EXPORTED int ibv_destroy_ah(ibv_ah* handle) {
  delete handle;
  return 0;
}

EXPORTED const char* ibv_wc_status_str(ibv_wc_status) { return "mirrored"; }
EXPORTED const char* ibv_event_type_str(ibv_event_type) { return "mirrored"; }
EXPORTED int ibv_get_async_event(ibv_context*, ibv_async_event*) {
  errno = EAGAIN;
  return -1;
}
EXPORTED void ibv_ack_async_event(ibv_async_event*) {}
