// Message channels over TCP: a length before each message, data straight from and to where they lie.
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <deque>
#include <optional>

#include "core/error.h"
#include "verbs/channel.h"
#include "verbs/error.h"
#include "verbs/tcp_rendezvous.h"

namespace rocekit::verbs {
namespace {

/// What one system call moves at most: both directions, and all peers, take turns.
constexpr std::size_t turn_bytes = 256u << 10;

/// Before each message: the length of the whole that it is a part of, little end first.
constexpr std::size_t header_bytes = 8;
using Header = std::array<unsigned char, header_bytes>;

Header header_of(std::uint64_t whole) {
  Header header;
  for (std::size_t i = 0; i < header.size(); ++i) header[i] = static_cast<unsigned char>(whole >> 8 * i & 0xff);
  return header;
}

std::uint64_t whole_of(const Header& header) {
  std::uint64_t whole = 0;
  for (std::size_t i = 0; i < header.size(); ++i) whole |= std::uint64_t{header[i]} << 8 * i;
  return whole;
}

class TcpChannel {
 public:
  explicit TcpChannel(const EndpointOptions& options) : ip_(options.ip), rendezvous_(options.ip, options.netdev) {}

  std::string address() const { return rendezvous_.address(); }
  std::string description() const {
    if (!connected_) return "TCP " + ip_ + ", not connected";
    std::string text = fmt::format("TCP {} to {}, {}", connection_.local, connection_.remote, connection_.binding);
    if (busy_poll_) text += fmt::format(", SO_BUSY_POLL {} us", busy_poll_us);
    return text;
  }

  void connect(const std::string& peer_address, const std::string& peer_name, bool active, const Wait& wait) {
    peer_name_ = peer_name;
    connection_ = rendezvous_.connect(peer_address, peer_name, active, wait);
    const int socket = connection_.socket.get();
    set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, dead_peer_ms);
    busy_poll_ = set_option(socket, SOL_SOCKET, SO_BUSY_POLL, busy_poll_us);
    connected_.store(true, std::memory_order_release);
  }

  void send(const std::byte* data, std::size_t size, std::size_t whole) {
    sends_.push_back({header_of(whole), const_cast<std::byte*>(data), size, whole, 0});
  }
  void receive(std::byte* data, std::size_t size, std::size_t whole) {
    receives_.push_back({{}, data, size, whole, 0});
  }

  /// Bytes moved; counts what is finished.
  bool move(Progress& finished, std::uint64_t& pending) {
    bool moved = false;
    if (!sends_.empty() && send_some()) {
      moved = true;
      if (sends_.front().done == sends_.front().end()) {
        sends_.pop_front();
        ++finished.sent;
        --pending;
      }
    }
    if (!receives_.empty() && receive_some()) {
      moved = true;
      if (receives_.front().done == receives_.front().end()) {
        receives_.pop_front();
        ++finished.received;
        --pending;
      }
    }
    return moved;
  }

  bool waits() const { return !receives_.empty() || !sends_.empty(); }
  bool waits_to_receive() const { return !receives_.empty(); }

  [[noreturn]] void give_up(int error, const std::string& why) const {
    const bool receives = !receives_.empty();
    const Message& message = receives ? receives_.front() : sends_.front();
    const std::size_t done = message.done < header_bytes ? 0 : message.done - header_bytes;
    throw TransportError(
        {receives ? "recv" : "send", connection_.remote, peer_name_, ""}, error,
        why.empty() ? fmt::format("{} of {} B of a message had passed when the time was up", done, message.size) : why);
  }

  void abort() noexcept {
    if (connected_.load(std::memory_order_acquire)) shutdown(connection_.socket.get(), SHUT_RDWR);
  }

 private:
  struct Message {
    Header header{};
    std::byte* data = nullptr;
    std::size_t size = 0;
    std::size_t whole = 0;
    std::size_t done = 0;  ///< of header and data

    std::size_t end() const { return header_bytes + size; }
    /// What is to be moved next.
    std::array<iovec, 2> rest() {
      const std::size_t of_header = std::min(done, header_bytes);
      const std::size_t of_data = done - of_header;
      return {iovec{header.data() + of_header, header_bytes - of_header},
              iovec{data + of_data, std::min(size - of_data, turn_bytes)}};
    }
  };

  bool send_some() {
    Message& message = sends_.front();
    auto pieces = message.rest();
    msghdr call{};
    call.msg_iov = pieces.data();
    call.msg_iovlen = pieces.size();
    const ssize_t n = sendmsg(connection_.socket.get(), &call, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) return moved_nothing("send");
    message.done += static_cast<std::size_t>(n);
    return n > 0;
  }

  bool receive_some() {
    Message& message = receives_.front();
    auto pieces = message.rest();
    msghdr call{};
    call.msg_iov = pieces.data();
    call.msg_iovlen = pieces.size();
    const ssize_t n = recvmsg(connection_.socket.get(), &call, MSG_DONTWAIT);
    if (n < 0) return moved_nothing("recv");
    if (n == 0) {
      throw TransportError({"recv", connection_.remote, peer_name_, ""}, 0, "the other end closed the connection");
    }
    const bool had_header = message.done >= header_bytes;
    message.done += static_cast<std::size_t>(n);
    if (!had_header && message.done >= header_bytes && whole_of(message.header) != message.whole) {
      throw TransportError({"receiving a message", connection_.remote, peer_name_, ""}, 0,
                           fmt::format("the other end sends {} B where {} B are expected: all ranks must run the same "
                                       "operations",
                                       whole_of(message.header), message.whole));
    }
    return true;
  }

  bool moved_nothing(const char* call) const {
    const int error = errno;
    if (error == EAGAIN || error == EINTR) return false;
    std::string more;
    if (error == ECONNRESET || error == EPIPE) more = "the other end has ended";
    if (error == ETIMEDOUT) more = fmt::format("what was sent was not acknowledged for {} s", dead_peer_ms / 1000);
    const bool unreachable = error == EHOSTUNREACH || error == ENETUNREACH;
    throw TransportError({call, connection_.remote, peer_name_, unreachable ? "ROCE-NET-003" : ""}, error, more);
  }

  std::string ip_;
  TcpRendezvous rendezvous_;
  TcpConnection connection_;
  std::string peer_name_;
  bool busy_poll_ = false;
  std::atomic<bool> connected_{false};
  std::deque<Message> sends_;
  std::deque<Message> receives_;
};

class TcpChannels final : public Channels {
 public:
  explicit TcpChannels(const std::vector<EndpointOptions>& ends) : Channels(ends.size()) {
    for (const EndpointOptions& options : ends) channels_.emplace_back(options);
  }

  std::string description(std::size_t channel) const override { return channels_[channel].description(); }
  std::string address(std::size_t channel) override { return channels_[channel].address(); }
  void connect(std::size_t channel, const std::string& peer_address, const std::string& peer_name, bool active,
               const Wait& wait) override {
    channels_[channel].connect(peer_address, peer_name, active, wait);
  }
  void attach(const std::vector<const Buffer*>&) override {}

  void send(std::size_t channel, const std::byte* data, std::size_t size, std::size_t whole) override {
    ++pending_;
    channels_[channel].send(data, size, whole);
  }
  void receive(std::size_t channel, std::byte* data, std::size_t size, std::size_t whole) override {
    ++pending_;
    channels_[channel].receive(data, size, whole);
  }

  bool progress() override {
    bool moved = false;
    for (std::size_t i = 0; i < channels_.size(); ++i) moved = channels_[i].move(finished_[i], pending_) || moved;
    return moved;
  }

  void look(const Wait& wait) override {
    const bool called_off = wait.is_called_off();
    if (!called_off && !wait.deadline.passed()) return;
    for (const bool receiving : {true, false}) {
      for (const TcpChannel& channel : channels_) {
        if (receiving ? !channel.waits_to_receive() : !channel.waits()) continue;
        channel.give_up(called_off ? 0 : ETIMEDOUT, called_off ? "the run was called off" : "");
      }
    }
  }

  void abort() noexcept override {
    for (TcpChannel& channel : channels_) channel.abort();
  }

 private:
  std::deque<TcpChannel> channels_;
};

}  // namespace

std::unique_ptr<Channels> make_tcp_channels(const std::vector<EndpointOptions>& ends) {
  return std::make_unique<TcpChannels>(ends);
}

}  // namespace rocekit::verbs
