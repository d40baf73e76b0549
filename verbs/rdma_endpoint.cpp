#include "verbs/rdma_endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "core/error.h"
#include "verbs/causes.h"
#include "verbs/device_order.h"
#include "verbs/failed_completion.h"

namespace rocekit::verbs {
namespace {

using std::chrono::steady_clock;

/// Asking a device for its port's state takes microseconds to a millisecond: only when nothing has come for this long.
constexpr std::chrono::milliseconds stall{200};

}  // namespace

RdmaEndpoint::RdmaEndpoint(const EndpointOptions& options)
    : options_(options),
      device_(options.device, options.port),
      gid_(choose_gid(device_.gids(), {device_.name(), device_.is_ethernet(), device_.port_attributes().gid_tbl_len,
                                       options.ip, options.gid_index})),
      domain_(device_),
      polls_(options.wait_mode == WaitMode::poll),
      channel_(polls_ ? nullptr : std::make_unique<CompletionChannel>(device_)) {}

std::string RdmaEndpoint::description() const {
  std::string text = fmt::format("{} GID {} ({})", device_.name(), gid_.index, describe(gid_));
  if (path_mtu_bytes_ != 0) text += fmt::format(", path MTU {}", path_mtu_bytes_);
  if (peer_mtu_bytes_ != 0 && peer_mtu_bytes_ != bytes_of(device_.port_attributes().active_mtu)) {
    text +=
        fmt::format(" (this end {}, {} {})", bytes_of(device_.port_attributes().active_mtu), peer_, peer_mtu_bytes_);
  }
  text += inline_bytes_ == 0 ? std::string(", nothing inline") : fmt::format(", inline {} B", inline_bytes_);
  if (options_.memory != MemoryKind::host) text += fmt::format(", memory {}", to_string(options_.memory));
  if (*gpu_way_ != '\0') text += fmt::format(" ({})", gpu_way_);
  return text;
}

std::unique_ptr<QueuePair> RdmaEndpoint::make_queue_pair(ibv_qp_type type, CompletionQueue& send_queue,
                                                         CompletionQueue& receive_queue, QueuePair::Capacity capacity) {
  // Inline data is copied by the CPU, which cannot read a GPU's memory.
  const bool may_inline = options_.memory != MemoryKind::gpu;
  const int wanted = may_inline ? options_.inline_bytes.value_or(device_.deviations().default_inline_bytes) : 0;
  if (wanted < 0) throw InputError(fmt::format("--inline {}: must be 0 or more", wanted));
  capacity.inline_bytes = wanted;
  auto pair = verbs::make_queue_pair(domain_, type, send_queue, receive_queue, capacity);
  if (options_.inline_bytes && capacity.inline_bytes < wanted && may_inline) {
    throw InputError(fmt::format("--inline {}: {} refuses so many bytes inline; {} B work", wanted, device_.name(),
                                 pair->inline_bytes()));
  }
  inline_bytes_ = std::min(pair->inline_bytes(), capacity.inline_bytes);
  return pair;
}

RdmaAddress RdmaEndpoint::own_address() const {
  RdmaAddress address;
  address.ethernet = device_.is_ethernet();
  address.lid = device_.port_attributes().lid;
  address.gid = gid_.gid;
  address.active_mtu = device_.port_attributes().active_mtu;
  address.max_size = options_.max_size_bytes;
  return address;
}

void RdmaEndpoint::accept(const RdmaAddress& peer, const std::string& peer_name, const RdmaAddress& own) {
  peer_ = peer_name;
  const auto refuse = [&](const std::string& why) {
    throw TransportError({"connecting", device_.name(), peer_, {}}, 0, why);
  };
  if (peer.ethernet != own.ethernet) refuse("one end is Ethernet (RoCE), the other InfiniBand");
  if (peer.max_size != own.max_size || peer.slots != own.slots || peer.pairs.size() != own.pairs.size()) {
    refuse(fmt::format("both ends need the same sizes and --qps: {} and {} queue pairs, up to {} and {}",
                       own.pairs.size(), peer.pairs.size(), size_text(own.max_size), size_text(peer.max_size)));
  }
  peer_mtu_bytes_ = bytes_of(peer.active_mtu);
  path_mtu_bytes_ = std::min(bytes_of(own.active_mtu), peer_mtu_bytes_);
}

steady_clock::time_point RdmaEndpoint::look(const char* what) {
  if (wait_->is_called_off()) {
    throw TransportError({what, device_.name(), peer_, {}}, ECANCELED, "the run was called off");
  }
  const auto now = steady_clock::now();
  if (!stalled_since_) stalled_since_ = now;
  // A queue pair that failed says so by a completion only, which nobody takes who waits for memory to change.
  drain_sends();
  if (now - *stalled_since_ >= stall) {
    if (const auto cause = device_.fault())
      throw TransportError({what, device_.name(), peer_, cause->check_id}, 0, cause->sentence);
    stalled_since_ = now;
  }
  if (now >= wait_->deadline.at()) {
    throw TransportError({what, device_.name(), peer_, {}}, ETIMEDOUT,
                         "nothing came in the time allowed; this port is ACTIVE");
  }
  return now;
}

void RdmaEndpoint::fail(const ibv_wc& completion) {
  ibv_wc root = completion;
  if (completion.status == IBV_WC_WR_FLUSH_ERR) {
    if (const auto earlier = root_failure()) root = *earlier;
  }
  throw failed_completion(root, device_, peer_, options_.memory == MemoryKind::gpu);
}

void RdmaEndpoint::fail_post(const char* call, int error) const {
  throw TransportError({call, device_.name(), peer_, {}}, error);
}

void RdmaEndpoint::put_pattern(Buffer& buffer, std::size_t offset, std::size_t size, std::uint64_t sequence) {
  if (buffer.is_host()) return fill_pattern(buffer.data() + offset, size, sequence);
  staging_.resize(size);
  fill_pattern(staging_.data(), size, sequence);
  buffer.copy_in(offset, staging_.data(), size);
}

void RdmaEndpoint::check_pattern_at(const Buffer& buffer, std::size_t offset, std::size_t size,
                                    std::uint64_t sequence) {
  if (buffer.is_host()) {
    corruption_.check(buffer.data() + offset, size, sequence);
    // What is posted after it, a receive, a read, an answer or a credit, lets the place be overwritten.
    device_read_barrier();
    return;
  }
  staging_.resize(size);
  buffer.copy_out(offset, staging_.data(), size);
  corruption_.check(staging_.data(), size, sequence);
}

}  // namespace rocekit::verbs
