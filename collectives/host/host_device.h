// This process as the place where operations run, and its memory as where their data lie.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "collectives/communicator/device.h"
#include "verbs/buffer.h"

namespace rocekit::collectives {

class HostDevice final : public Device {
 public:
  std::string description() const override { return "host memory"; }
  std::uint64_t default_memory_cap() const override;

  void reserve(std::size_t send_bytes, std::size_t receive_bytes) override;
  std::byte* send_buffer() const override { return send_ ? send_->data() : nullptr; }
  std::byte* receive_buffer() const override { return receive_ ? receive_->data() : nullptr; }

  void fill(std::size_t offset, std::uint64_t elements, traffic::DataType type, int rank, std::uint32_t seed) override;
  void clear_receive() override;
  Mismatch check(std::span<const Segment> segments, traffic::DataType type, int ranks, std::uint32_t seed,
                 const Wait& wait) override;

  void compute(double microseconds) override;
  void synchronize(const Wait& wait) override;
  void add_watch(std::function<void()> watch) override { watches_.push_back(std::move(watch)); }

  /// Another number after each reserve(): who has registered the buffers with an adapter must do so again. 0: there are
  /// none yet.
  std::uint64_t generation() const { return generation_; }
  /// The send buffer, then the receive buffer; empty while there are none.
  std::vector<const verbs::Buffer*> buffers() const;

 private:
  std::optional<verbs::Buffer> send_;
  std::optional<verbs::Buffer> receive_;
  std::uint64_t generation_ = 0;
  std::vector<std::function<void()>> watches_;
};

std::unique_ptr<Device> make_host_device();

}  // namespace rocekit::collectives
