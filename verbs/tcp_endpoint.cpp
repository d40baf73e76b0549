// The TCP end: what an application would do with sockets, and no more, so that RDMA is compared with sockets at their
// best. Socket buffers are left to the kernel: setting them would switch off its own tuning, which goes further than an
// ordinary user may set by hand.
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "verbs/buffer.h"
#include "verbs/endpoint.h"
#include "verbs/error.h"
#include "verbs/pattern.h"
#include "verbs/tcp_rendezvous.h"

namespace rocekit::verbs {
namespace {

/// Sent by one system call of a stream, or one message if it is longer: fewer calls for small messages.
constexpr std::size_t send_bytes = 256u << 10;
/// Received by one system call: what the kernel makes of one segment train. More leaves the caches before the kernel
/// fills it again.
constexpr std::size_t receive_bytes = 64u << 10;
constexpr int latency_slice_ms = 50;  // how late a sleeping ping learns that the run was called off
constexpr int stream_slice_ms = 10;   // Endpoint::progress() blocks no longer
constexpr unsigned polls_a_look = 1024;

MemoryKind host_memory(MemoryKind kind) {
  if (kind != MemoryKind::gpu) return kind;
  throw InputError("TCP cannot send from a GPU's memory: measure it with --memory host or gpu-host.");
}

class TcpEndpoint final : public Endpoint {
 public:
  explicit TcpEndpoint(const EndpointOptions& options)
      : options_(options),
        rendezvous_(options.ip, options.netdev),
        outgoing_(host_memory(options.memory), std::max(options.max_size_bytes, send_bytes), options.gpu),
        incoming_(host_memory(options.memory), std::max(options.max_size_bytes, receive_bytes), options.gpu) {}

  Transport transport() const override { return Transport::tcp; }
  std::string description() const override;
  std::string address() override { return rendezvous_.address(); }
  void connect(const std::string& peer_address, const std::string& peer_name, bool active, const Wait& wait) override;
  void require(const Shape& shape, bool stream) const override;

  void begin_latency(const Shape& shape, bool initiator, const Wait& wait) override;
  void ping() override;
  void pong() override;

  void begin_stream(const Shape& shape, bool sends, bool receives, const Wait& wait) override;
  Progress progress(bool may_post) override;
  std::uint64_t outstanding() const override { return sent_bytes_ % shape_.size_bytes == 0 ? 0 : 1; }

  void end_block() override { wait_ = nullptr; }
  std::uint64_t corrupt_messages() const override { return log_.corrupt_messages(); }
  std::string first_corruption() const override { return log_.first_corruption(); }

 private:
  void begin(const Shape& shape, const Wait& wait, int slice_ms);
  void set_slice(int ms);
  void send_message();
  void receive_message();
  bool send_some(bool may_post);
  bool receive_some();
  [[noreturn]] void fail(const char* call, int error) const;
  [[noreturn]] void fail_closed() const;
  void look(const char* call, std::size_t done) const;
  void moved_nothing(const char* call, std::size_t done) const;
  bool polls_on(unsigned& polls) const;

  EndpointOptions options_;
  TcpRendezvous rendezvous_;
  Buffer outgoing_;
  Buffer incoming_;
  TcpConnection connection_;
  io::FileDescriptor epoll_;
  std::string peer_name_;
  bool busy_poll_ = false;

  // Of the block.
  Shape shape_;
  const Wait* wait_ = nullptr;
  PatternLog log_;
  int socket_ = -1;
  int flags_ = 0;
  std::uint64_t outgoing_sequence_ = 0;
  std::uint64_t incoming_sequence_ = 0;

  // Of a stream.
  bool sends_ = false;
  bool receives_ = false;
  std::size_t batch_end_ = 0;       // of what is to be sent from outgoing_
  std::size_t batch_position_ = 0;  // sent of it
  std::size_t batch_full_ = 0;      // whole messages at a time
  std::size_t incoming_end_ = 0;    // whole messages, if the content is checked
  std::size_t incoming_position_ = 0;
  std::uint64_t sent_bytes_ = 0;
  std::uint64_t received_bytes_ = 0;
};

void TcpEndpoint::connect(const std::string& peer_address, const std::string& peer_name, bool active,
                          const Wait& wait) {
  peer_name_ = peer_name;
  connection_ = rendezvous_.connect(peer_address, peer_name, active, wait);
  socket_ = connection_.socket.get();
  set_option(socket_, IPPROTO_TCP, TCP_USER_TIMEOUT, dead_peer_ms);
  switch (options_.wait_mode) {
    case WaitMode::poll:
      busy_poll_ = set_option(socket_, SOL_SOCKET, SO_BUSY_POLL, busy_poll_us);
      break;
    case WaitMode::block:
      break;
    case WaitMode::event:
      epoll_ = io::FileDescriptor(epoll_create1(EPOLL_CLOEXEC));
      if (epoll_.get() < 0) fail("epoll_create1", errno);
      epoll_event event{};
      event.events = EPOLLIN;
      if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket_, &event) != 0) fail("epoll_ctl", errno);
      break;
  }
}

std::string TcpEndpoint::description() const {
  if (socket_ < 0) return "TCP " + options_.ip + ", not connected";
  std::string text = fmt::format("TCP {} to {}, {}, ", connection_.local, connection_.remote, connection_.binding);
  switch (options_.wait_mode) {
    case WaitMode::poll:
      text += "recv polled";
      if (busy_poll_) text += fmt::format(" (SO_BUSY_POLL {} us)", busy_poll_us);
      break;
    case WaitMode::block:
      text += "recv blocking";
      break;
    case WaitMode::event:
      text += "epoll_wait";
      break;
  }
  text += fmt::format(", MSS {}", option_or(socket_, IPPROTO_TCP, TCP_MAXSEG, 0));
  char congestion_control[16] = "";
  socklen_t length = sizeof congestion_control - 1;
  if (getsockopt(socket_, IPPROTO_TCP, TCP_CONGESTION, congestion_control, &length) == 0) {
    text += fmt::format(", {}", congestion_control);
  }
  return text;
}

void TcpEndpoint::require(const Shape& shape, bool stream) const {
  if (shape.operation != Operation::send) {
    throw InputError(fmt::format("TCP knows send only, not {}.", to_string(shape.operation)));
  }
  if (shape.size_bytes < 1 || shape.size_bytes > options_.max_size_bytes) {
    throw InputError(fmt::format("A message of {} B is outside what this TCP endpoint was made for: 1 to {} B.",
                                 shape.size_bytes, options_.max_size_bytes));
  }
  if (stream && shape.window < 1) throw InputError("A stream needs a window of at least one message.");
}

// ---- errors

void TcpEndpoint::fail(const char* call, int error) const {
  std::string more;
  if (error == ECONNRESET || error == EPIPE) more = "the other end has ended";
  if (error == ETIMEDOUT) more = fmt::format("what was sent was not acknowledged for {} s", dead_peer_ms / 1000);
  const bool unreachable = error == EHOSTUNREACH || error == ENETUNREACH;
  throw TransportError({call, connection_.remote, peer_name_, unreachable ? "ROCE-NET-003" : ""}, error, more);
}

void TcpEndpoint::fail_closed() const {
  throw TransportError({"recv", connection_.remote, peer_name_, ""}, 0, "the other end closed the connection");
}

// Called when a wait was in vain for a while.
void TcpEndpoint::look(const char* call, std::size_t done) const {
  if (wait_->is_called_off()) {
    throw TransportError({call, connection_.remote, peer_name_, ""}, 0, "the run was called off");
  }
  if (wait_->deadline.passed()) {
    throw TransportError(
        {call, connection_.remote, peer_name_, ""}, ETIMEDOUT,
        fmt::format("{} of {} B of a message had passed when the time was up", done, shape_.size_bytes));
  }
}

// After a call that moved nothing.
void TcpEndpoint::moved_nothing(const char* call, std::size_t done) const {
  if (errno != EAGAIN && errno != EINTR) fail(call, errno);
  look(call, done);
}

// ---- blocks

void TcpEndpoint::begin(const Shape& shape, const Wait& wait, int slice_ms) {
  shape_ = shape;
  wait_ = &wait;
  log_.clear();
  outgoing_sequence_ = incoming_sequence_ = 0;
  flags_ = MSG_NOSIGNAL | (options_.wait_mode == WaitMode::block ? 0 : MSG_DONTWAIT);
  if (options_.wait_mode == WaitMode::block) set_slice(slice_ms);
}

void TcpEndpoint::set_slice(int ms) {
  const timeval time{ms / 1000, (ms % 1000) * 1000};
  const int flags = fcntl(socket_, F_GETFL);
  if (flags < 0 || fcntl(socket_, F_SETFL, flags & ~O_NONBLOCK) != 0) fail("fcntl", errno);
  if (setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) != 0) fail("setsockopt SO_RCVTIMEO", errno);
  if (setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time) != 0) fail("setsockopt SO_SNDTIMEO", errno);
}

// Pings are the even messages of a block, answers the odd ones: an answer is never the echo of a ping.
void TcpEndpoint::begin_latency(const Shape& shape, bool initiator, const Wait& wait) {
  begin(shape, wait, latency_slice_ms);
  outgoing_sequence_ = initiator ? 0 : 1;
  incoming_sequence_ = initiator ? 1 : 0;
}

void TcpEndpoint::ping() {
  send_message();
  receive_message();
}

void TcpEndpoint::pong() {
  receive_message();
  send_message();
}

// After a call that moved nothing: whether to poll on without a look at the wait. A peer that does not answer within
// some hundred microseconds may be waiting for this very CPU.
bool TcpEndpoint::polls_on(unsigned& polls) const {
  if (options_.wait_mode != WaitMode::poll || errno != EAGAIN) return false;
  if (++polls % polls_a_look != 0) return true;
  sched_yield();
  errno = EAGAIN;
  return false;
}

void TcpEndpoint::send_message() {
  const std::size_t size = shape_.size_bytes;
  if (shape_.verify) {
    fill_pattern(outgoing_.data(), size, outgoing_sequence_);
    outgoing_sequence_ += 2;
  }
  std::size_t done = 0;
  unsigned polls = 0;
  while (true) {
    const ssize_t n = send(socket_, outgoing_.data() + done, size - done, flags_);
    if (n > 0) {
      done += static_cast<std::size_t>(n);
      if (done == size) return;
      continue;
    }
    if (polls_on(polls)) continue;
    moved_nothing("send", done);
    if (options_.wait_mode == WaitMode::event) {
      pollfd entry{socket_, POLLOUT, 0};
      poll(&entry, 1, latency_slice_ms);
    }
  }
}

void TcpEndpoint::receive_message() {
  const std::size_t size = shape_.size_bytes;
  std::size_t done = 0;
  unsigned polls = 0;
  while (true) {
    if (options_.wait_mode == WaitMode::event) {
      epoll_event event;
      const int ready = epoll_wait(epoll_.get(), &event, 1, latency_slice_ms);
      if (ready < 0 && errno != EINTR) fail("epoll_wait", errno);
      if (ready <= 0) {
        look("epoll_wait", done);
        continue;
      }
    }
    const ssize_t n = recv(socket_, incoming_.data() + done, size - done, flags_);
    if (n > 0) {
      done += static_cast<std::size_t>(n);
      if (done == size) break;
      continue;
    }
    if (n == 0) fail_closed();
    if (!polls_on(polls)) moved_nothing("recv", done);
  }
  if (shape_.verify) {
    log_.check(incoming_.data(), size, incoming_sequence_);
    incoming_sequence_ += 2;
  }
}

// ---- streams

void TcpEndpoint::begin_stream(const Shape& shape, bool sends, bool receives, const Wait& wait) {
  begin(shape, wait, stream_slice_ms);
  sends_ = sends;
  receives_ = receives;
  const std::size_t messages = std::clamp<std::size_t>(send_bytes / shape.size_bytes, 1, shape.window);
  batch_full_ = messages * shape.size_bytes;
  batch_end_ = batch_position_ = 0;
  incoming_end_ = shape.verify ? incoming_.size() / shape.size_bytes * shape.size_bytes : receive_bytes;
  incoming_position_ = 0;
  sent_bytes_ = received_bytes_ = 0;
  // Sleeps in one direction would hold up the other.
  if (sends && receives) flags_ |= MSG_DONTWAIT;
}

Progress TcpEndpoint::progress(bool may_post) {
  const bool has_to_send = sends_ && (may_post || outstanding() > 0);
  const bool sent = has_to_send && send_some(may_post);
  const bool received = receives_ && receive_some();
  // In every mode: what the kernel's deep buffers hide need not be polled for, and polling takes the socket's lock from
  // the kernel's own work on it. A blocking call has slept already.
  if (!sent && !received && (flags_ & MSG_DONTWAIT) != 0) {
    const short events = static_cast<short>((has_to_send ? POLLOUT : 0) | (receives_ ? POLLIN : 0));
    pollfd entry{socket_, events, 0};
    if (events != 0) poll(&entry, 1, stream_slice_ms);
  }
  return {sent_bytes_ / shape_.size_bytes, received_bytes_ / shape_.size_bytes};
}

bool TcpEndpoint::send_some(bool may_post) {
  if (batch_position_ == batch_end_) {
    batch_position_ = 0;
    batch_end_ = batch_full_;
    if (shape_.verify) {
      outgoing_sequence_ = sent_bytes_ / shape_.size_bytes;
      for (std::size_t at = 0; at < batch_end_; at += shape_.size_bytes) {
        fill_pattern(outgoing_.data() + at, shape_.size_bytes, outgoing_sequence_++);
      }
    }
  }
  // The rest of a message that was begun.
  if (!may_post) batch_end_ = (batch_position_ / shape_.size_bytes + 1) * shape_.size_bytes;
  const ssize_t n = send(socket_, outgoing_.data() + batch_position_, batch_end_ - batch_position_, flags_);
  if (n <= 0) {
    moved_nothing("send", sent_bytes_ % shape_.size_bytes);
    return false;
  }
  batch_position_ += static_cast<std::size_t>(n);
  sent_bytes_ += static_cast<std::uint64_t>(n);
  return true;
}

bool TcpEndpoint::receive_some() {
  const ssize_t n = recv(socket_, incoming_.data() + incoming_position_, incoming_end_ - incoming_position_, flags_);
  if (n == 0) fail_closed();
  if (n < 0) {
    moved_nothing("recv", received_bytes_ % shape_.size_bytes);
    return false;
  }
  received_bytes_ += static_cast<std::uint64_t>(n);
  if (!shape_.verify) return true;
  incoming_position_ += static_cast<std::size_t>(n);
  for (; incoming_sequence_ < received_bytes_ / shape_.size_bytes; ++incoming_sequence_) {
    const std::size_t slots = incoming_end_ / shape_.size_bytes;
    log_.check(incoming_.data() + incoming_sequence_ % slots * shape_.size_bytes, shape_.size_bytes,
               incoming_sequence_);
  }
  if (incoming_position_ == incoming_end_) incoming_position_ = 0;
  return true;
}

}  // namespace

std::unique_ptr<Endpoint> make_tcp_endpoint(const EndpointOptions& options) {
  return std::make_unique<TcpEndpoint>(options);
}

}  // namespace rocekit::verbs
