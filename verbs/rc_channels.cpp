// The message channels of a rank over RDMA: their rails, what completes there, and how long they wait.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <optional>
#include <tuple>

#include "verbs/failed_completion.h"
#include "verbs/rc_channel.h"

namespace rocekit::verbs {
namespace {

using std::chrono::steady_clock;

/// Asking a device for its port's state takes microseconds to a millisecond: only when nothing has come for this long.
constexpr std::chrono::milliseconds stall{200};
constexpr int most_taken = 16;

auto rail_key(const EndpointOptions& options) {
  return std::tie(options.device, options.port, options.ip, options.gid_index);
}

class RcChannels final : public Channels {
 public:
  explicit RcChannels(const std::vector<EndpointOptions>& ends) : Channels(ends.size()) {
    for (const EndpointOptions& options : ends) {
      RcRail& rail = rail_of(options, ends);
      channels_.emplace_back(rail, channels_.size(), options, finished_[channels_.size()], pending_);
      rail_of_channel_.push_back(&rail);
    }
  }

  std::string description(std::size_t channel) const override { return channels_[channel].description(); }
  std::string address(std::size_t channel) override { return channels_[channel].address(); }
  void connect(std::size_t channel, const std::string& peer_address, const std::string& peer_name, bool,
               const Wait&) override {
    channels_[channel].connect(peer_address, peer_name);
  }
  void attach(const std::vector<const Buffer*>& memory) override {
    for (RcRail& rail : rails_) rail.attach(memory);
  }

  void send(std::size_t channel, const std::byte* data, std::size_t size, std::size_t whole) override {
    channels_[channel].send(data, size, whole);
  }
  void receive(std::size_t channel, std::byte* data, std::size_t size, std::size_t whole) override {
    channels_[channel].receive(data, size, whole);
  }

  bool progress() override {
    bool moved = false;
    for (RcRail& rail : rails_) {
      ibv_wc completions[most_taken];
      const int count = rail.queue().poll(completions, most_taken);
      for (int i = 0; i < count; ++i) {
        RcChannel& channel = channels_[RcChannel::id_of(completions[i])];
        if (completions[i].status != IBV_WC_SUCCESS) [[unlikely]]
          fail(rail, channel, completions[i]);
        channel.take(completions[i]);
      }
      moved = moved || count != 0;
    }
    if (moved) {
      for (RcChannel& channel : channels_) channel.advance();
      stalled_since_.reset();
    }
    return moved;
  }

  void look(const Wait& wait) override {
    const RcChannel& waiting = channels_[first_waiting()];
    if (wait.is_called_off()) throw waiting.failure("the run was called off");
    const auto now = steady_clock::now();
    if (!stalled_since_) stalled_since_ = now;
    if (now - *stalled_since_ >= stall) {
      for (std::size_t i = 0; i < channels_.size(); ++i) {
        if (!channels_[i].waits()) continue;
        if (const auto cause = rail_of_channel_[i]->device().fault()) {
          throw TransportError(
              {"a message channel", rail_of_channel_[i]->device().name(), channels_[i].peer(), cause->check_id}, 0,
              cause->sentence);
        }
        channels_[i].probe();
      }
      stalled_since_ = now;
    }
    if (now >= wait.deadline.at()) {
      throw waiting.failure("nothing came in the time allowed; this port is ACTIVE", ETIMEDOUT);
    }
  }

  void abort() noexcept override {
    for (RcChannel& channel : channels_) channel.abort();
  }

 private:
  RcRail& rail_of(const EndpointOptions& options, const std::vector<EndpointOptions>& ends) {
    for (std::size_t i = 0; i < channels_.size(); ++i) {
      if (rail_key(ends[i]) == rail_key(options)) return *rail_of_channel_[i];
    }
    const auto sharers = std::count_if(
        ends.begin(), ends.end(), [&](const EndpointOptions& other) { return rail_key(other) == rail_key(options); });
    return rails_.emplace_back(options, static_cast<int>(sharers) * RcChannel::completions);
  }

  std::size_t first_waiting() const {
    const auto receives = std::find_if(channels_.begin(), channels_.end(),
                                       [](const RcChannel& channel) { return channel.waits_to_receive(); });
    if (receives != channels_.end()) return static_cast<std::size_t>(receives - channels_.begin());
    const auto sends =
        std::find_if(channels_.begin(), channels_.end(), [](const RcChannel& channel) { return channel.waits(); });
    return sends == channels_.end() ? 0 : static_cast<std::size_t>(sends - channels_.begin());
  }

  /// A queue pair's first error may lie behind what it flushed.
  [[noreturn]] void fail(RcRail& rail, const RcChannel& channel, const ibv_wc& completion) {
    ibv_wc root = completion;
    const Deadline end = Deadline::after(stall);
    while (root.status == IBV_WC_WR_FLUSH_ERR && !end.passed()) {
      ibv_wc next;
      if (rail.queue().poll(&next, 1) == 0) continue;
      if (next.qp_num == channel.number() && next.status != IBV_WC_SUCCESS) root = next;
    }
    throw failed_completion(root, rail.device(), channel.peer(), false);
  }

  std::deque<RcRail> rails_;
  std::deque<RcChannel> channels_;
  std::vector<RcRail*> rail_of_channel_;
  std::optional<steady_clock::time_point> stalled_since_;
};

}  // namespace

std::unique_ptr<Channels> make_rc_channels(const std::vector<EndpointOptions>& ends) {
  return std::make_unique<RcChannels>(ends);
}

}  // namespace rocekit::verbs
