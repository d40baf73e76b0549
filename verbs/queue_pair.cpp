#include "verbs/queue_pair.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "verbs/causes.h"

namespace rocekit::verbs {
namespace {

constexpr std::uint8_t hop_limit = 64;
/// Receivers that have no buffer are tried without end: the run's own deadline ends it.
constexpr std::uint8_t rnr_retry_without_end = 7;

}  // namespace

ibv_ah_attr route_to(const Destination& destination, const GidEntry& local, const DeviceContext& device) {
  ibv_ah_attr route{};
  route.port_num = static_cast<std::uint8_t>(device.port());
  if (device.is_ethernet()) {
    route.is_global = 1;
    std::memcpy(route.grh.dgid.raw, destination.gid.data(), destination.gid.size());
    route.grh.sgid_index = static_cast<std::uint8_t>(local.index);
    route.grh.hop_limit = hop_limit;
  } else {
    route.dlid = destination.lid;
  }
  return route;
}

QueuePair::QueuePair(const ProtectionDomain& domain, ibv_qp_type type, CompletionQueue& send_queue,
                     CompletionQueue& receive_queue, const Capacity& capacity)
    : domain_(domain) {
  const DeviceContext& device = domain.device();
  const int most = device.attributes().max_qp_wr;
  if (capacity.sends > most || capacity.receives > most) {
    throw InputError(
        fmt::format("a queue pair of {} holds {} work requests (max_qp_wr), and {} are needed: give a "
                    "smaller window",
                    device.name(), most, std::max(capacity.sends, capacity.receives)));
  }
  ibv_qp_init_attr attributes{};
  attributes.qp_type = type;
  attributes.send_cq = send_queue.get();
  attributes.recv_cq = receive_queue.get();
  attributes.cap.max_send_wr = static_cast<std::uint32_t>(capacity.sends);
  attributes.cap.max_recv_wr = static_cast<std::uint32_t>(capacity.receives);
  attributes.cap.max_send_sge = 1;
  attributes.cap.max_recv_sge = 1;
  attributes.cap.max_inline_data = static_cast<std::uint32_t>(capacity.inline_bytes);
  pair_ = device.library().create_qp(domain.get(), &attributes);
  if (pair_ == nullptr) {
    const int error = errno;
    const Cause cause = cause_of_registration(error, 0, 0, read_locked_memory());
    throw TransportError({fmt::format("ibv_create_qp ({} sends, {} receives, {} B inline)", capacity.sends,
                                      capacity.receives, capacity.inline_bytes),
                          device.name(),
                          {},
                          cause.check_id},
                         error, cause.sentence);
  }
  inline_bytes_ = static_cast<int>(attributes.cap.max_inline_data);
}

void QueuePair::modify(ibv_qp_attr& attributes, int mask, const char* step, const std::string& peer) {
  if (const int error = domain_.device().library().modify_qp(pair_, &attributes, mask); error != 0) {
    throw TransportError({fmt::format("ibv_modify_qp {}", step), domain_.device().name(), peer, {}}, error);
  }
}

void QueuePair::to_init(unsigned access, std::uint32_t q_key) {
  ibv_qp_attr attributes{};
  attributes.qp_state = IBV_QPS_INIT;
  attributes.pkey_index = 0;
  attributes.port_num = static_cast<std::uint8_t>(domain_.device().port());
  attributes.qp_access_flags = access;
  attributes.qkey = q_key;
  const int kind = pair_->qp_type == IBV_QPT_UD ? IBV_QP_QKEY : IBV_QP_ACCESS_FLAGS;
  modify(attributes, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | kind, "RESET->INIT", {});
}

void QueuePair::connect(const Connection& connection, const GidEntry& local) {
  const DeviceContext& device = domain_.device();
  const DeviceDeviations& deviations = device.deviations();
  ibv_qp_attr attributes{};
  attributes.qp_state = IBV_QPS_RTR;
  attributes.path_mtu = connection.path_mtu;
  attributes.dest_qp_num = connection.remote_number;
  attributes.rq_psn = connection.remote_packet_sequence;
  attributes.max_dest_rd_atomic = static_cast<std::uint8_t>(connection.reads_in);
  attributes.min_rnr_timer = deviations.min_rnr_timer;
  attributes.ah_attr = route_to(connection.destination, local, device);
  const int mask = IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
                   IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER;
  if (const int error = device.library().modify_qp(pair_, &attributes, mask); error != 0) {
    GidEntry remote = local;
    remote.gid = connection.destination.gid;
    const Cause cause = cause_of_connect(error, {describe(local), describe(remote), local.index});
    throw TransportError({"ibv_modify_qp INIT->RTR", fmt::format("{} GID {}", device.name(), local.index),
                          connection.destination.peer, cause.check_id},
                         error, cause.sentence);
  }
  attributes = {};
  attributes.qp_state = IBV_QPS_RTS;
  attributes.sq_psn = connection.local_packet_sequence;
  attributes.timeout = deviations.ack_timeout;
  attributes.retry_cnt = deviations.retry_count;
  attributes.rnr_retry = rnr_retry_without_end;
  attributes.max_rd_atomic = static_cast<std::uint8_t>(connection.reads_out);
  modify(attributes,
         IBV_QP_STATE | IBV_QP_SQ_PSN | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC,
         "RTR->RTS", connection.destination.peer);
}

void QueuePair::activate(std::uint32_t local_packet_sequence) {
  ibv_qp_attr attributes{};
  attributes.qp_state = IBV_QPS_RTR;
  modify(attributes, IBV_QP_STATE, "INIT->RTR", {});
  attributes = {};
  attributes.qp_state = IBV_QPS_RTS;
  attributes.sq_psn = local_packet_sequence;
  modify(attributes, IBV_QP_STATE | IBV_QP_SQ_PSN, "RTR->RTS", {});
}

void QueuePair::break_off() noexcept {
  ibv_qp_attr attributes{};
  attributes.qp_state = IBV_QPS_ERR;
  domain_.device().library().modify_qp(pair_, &attributes, IBV_QP_STATE);
}

std::unique_ptr<QueuePair> make_queue_pair(const ProtectionDomain& domain, ibv_qp_type type,
                                           CompletionQueue& send_queue, CompletionQueue& receive_queue,
                                           QueuePair::Capacity& capacity) {
  for (;; capacity.inline_bytes /= 2) {
    try {
      return std::make_unique<QueuePair>(domain, type, send_queue, receive_queue, capacity);
    } catch (const TransportError& error) {
      // mlx5 says EINVAL or ENOMEM for an inline size that does not fit into its work requests.
      if (capacity.inline_bytes == 0 || (error.error() != EINVAL && error.error() != ENOMEM)) throw;
    }
  }
}

}  // namespace rocekit::verbs
