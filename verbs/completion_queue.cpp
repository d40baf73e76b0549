#include "verbs/completion_queue.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>

#include <cerrno>

#include "core/error.h"
#include "verbs/causes.h"

namespace rocekit::verbs {

CompletionChannel::CompletionChannel(const DeviceContext& device)
    : device_(device), channel_(device.library().create_comp_channel(device.get())) {
  if (channel_ == nullptr) throw TransportError({"ibv_create_comp_channel", device.name(), {}, {}}, errno);
  // Events are taken until there is none: only poll(2) waits, which has a deadline.
  fcntl(channel_->fd, F_SETFL, fcntl(channel_->fd, F_GETFL) | O_NONBLOCK);
}

void CompletionChannel::sleep(std::chrono::milliseconds most) {
  pollfd ready{channel_->fd, POLLIN, 0};
  if (poll(&ready, 1, static_cast<int>(most.count())) <= 0) return;
  ibv_cq* queue = nullptr;
  void* owner = nullptr;
  while (device_.library().get_cq_event(channel_, &queue, &owner) == 0) {
    static_cast<CompletionQueue*>(owner)->count_event();
  }
}

CompletionQueue::CompletionQueue(const DeviceContext& device, int entries, CompletionChannel* channel)
    : device_(device) {
  if (entries > device.attributes().max_cqe) {
    throw InputError(
        fmt::format("{} completions would have to fit into a queue of {}, which holds {}: give a smaller "
                    "window or fewer --qps",
                    entries, device.name(), device.attributes().max_cqe));
  }
  queue_ = device.library().create_cq(device.get(), entries, this, channel != nullptr ? channel->get() : nullptr, 0);
  if (queue_ == nullptr) {
    const int error = errno;
    const Cause cause = cause_of_registration(error, 0, 0, read_locked_memory());
    throw TransportError({fmt::format("ibv_create_cq of {} entries", entries), device.name(), {}, cause.check_id},
                         error, cause.sentence);
  }
}

CompletionQueue::~CompletionQueue() {
  // ibv_destroy_cq waits for ever for events that were taken and not acknowledged.
  if (unacknowledged_events_ != 0) device_.library().ack_cq_events(queue_, unacknowledged_events_);
  device_.library().destroy_cq(queue_);
}

void CompletionQueue::arm() {
  if (unacknowledged_events_ >= 1024) {
    // Takes a mutex: not with each event.
    device_.library().ack_cq_events(queue_, unacknowledged_events_);
    unacknowledged_events_ = 0;
  }
  if (const int error = ibv_req_notify_cq(queue_, 0); error != 0) {
    throw TransportError({"ibv_req_notify_cq", device_.name(), {}, {}}, error);
  }
}

void CompletionQueue::broken() const {
  throw TransportError({"ibv_poll_cq", device_.name(), {}, {}}, 0, "the completion queue is broken; see dmesg");
}

}  // namespace rocekit::verbs
