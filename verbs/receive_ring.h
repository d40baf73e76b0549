// The receives of a queue pair, posted in a ring, in chains: one call posts many.
#pragma once

#include <infiniband/verbs.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rocekit::verbs {

/// The n-th message since the ring was filled lies in place n mod Places::count.
class ReceiveRing {
 public:
  static constexpr int chain = 16;  ///< receives posted at a time; depths are multiples of it

  struct Places {
    std::uint64_t address = 0;  ///< of the first
    std::size_t stride = 0;
    std::size_t count = 1;     ///< divides the depth
    std::uint32_t length = 0;  ///< of each
    std::uint32_t lkey = 0;
  };
  /// Posts all `depth` receives, with wr_id `id`; 0 or the errno of ibv_post_recv.
  int fill(ibv_qp* queue_pair, std::uint64_t id, int depth, const Places& places);

  /// A message was taken; its place stays untouched until post_due().
  void take() { ++due_; }
  /// Posts again what was taken, once it is a chain; 0 or the errno.
  int post_due() { return due_ < chain ? 0 : post(); }

 private:
  int post();

  ibv_qp* queue_pair_ = nullptr;
  std::vector<ibv_recv_wr> requests_;
  std::vector<ibv_sge> pieces_;
  std::size_t next_ = 0;
  int due_ = 0;
};

}  // namespace rocekit::verbs
