#include "verbs/receive_ring.h"

#include "verbs/device_order.h"

namespace rocekit::verbs {

int ReceiveRing::fill(ibv_qp* queue_pair, std::uint64_t id, int depth, const Places& places) {
  queue_pair_ = queue_pair;
  requests_.assign(static_cast<std::size_t>(depth), {});
  pieces_.assign(requests_.size(), {});
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    pieces_[i] = {places.address + i % places.count * places.stride, places.length, places.lkey};
    requests_[i].wr_id = id;
    requests_[i].sg_list = &pieces_[i];
    requests_[i].num_sge = 1;
    requests_[i].next = (i + 1) % chain == 0 ? nullptr : &requests_[i + 1];
  }
  next_ = 0;
  for (due_ = depth; due_ >= chain;) {
    if (const int error = post(); error != 0) return error;
  }
  return 0;
}

int ReceiveRing::post() {
  // What was read of these places is read before the device may write there again.
  device_read_barrier();
  ibv_recv_wr* bad = nullptr;
  const int error = ibv_post_recv(queue_pair_, &requests_[next_], &bad);
  due_ -= chain;
  next_ += chain;
  if (next_ == requests_.size()) next_ = 0;
  return error;
}

}  // namespace rocekit::verbs
