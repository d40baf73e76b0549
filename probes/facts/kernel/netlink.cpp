#include "probes/facts/kernel/netlink.h"

#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <vector>

namespace rocekit::facts::kernel {
namespace {

/// What receive() answers for a dump during which the kernel's table changed.
constexpr int dump_interrupted = -1;
constexpr int dump_attempts = 3;

template <class T>
std::optional<T> number_of(const nlattr* attribute) {
  if (attribute == nullptr || nla_len(attribute) < static_cast<int>(sizeof(T))) return std::nullopt;
  T value;
  std::memcpy(&value, nla_data(attribute), sizeof value);
  return value;
}

}  // namespace

MessagePtr new_message(int type, int flags) {
  MessagePtr message(nlmsg_alloc_simple(type, flags));
  if (!message) throw std::bad_alloc();
  return message;
}

NetlinkSocket::NetlinkSocket(int protocol, std::chrono::milliseconds deadline)
    : socket_(nl_socket_alloc()), deadline_(deadline) {
  if (!socket_) {
    error_ = ENOMEM;
    return;
  }
  errno = 0;
  if (nl_connect(socket_.get(), protocol) != 0) error_ = errno != 0 ? errno : EPROTO;
}

int NetlinkSocket::request(nl_msg& message, const std::function<void(nlmsghdr&)>& on_answer,
                           const std::function<void()>& on_restart) {
  if (error_ != 0) return error_;
  const bool dump = (nlmsg_hdr(&message)->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  for (int attempt = 1;; ++attempt) {
    // A new sequence number for each attempt, so that late answers of the one before are told apart.
    nlmsg_hdr(&message)->nlmsg_seq = NL_AUTO_SEQ;
    errno = 0;
    if (nl_send_auto(socket_.get(), &message) < 0) return errno != 0 ? errno : EIO;
    const int result = receive(nlmsg_hdr(&message)->nlmsg_seq, dump, on_answer);
    if (result != dump_interrupted) return result;
    if (attempt == dump_attempts) return EAGAIN;
    if (on_restart) on_restart();
  }
}

int NetlinkSocket::receive(std::uint32_t sequence, bool dump, const std::function<void(nlmsghdr&)>& on_answer) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + deadline_;
  const int descriptor = nl_socket_get_fd(socket_.get());
  bool interrupted = false;
  std::vector<char> buffer;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    pollfd waiting{descriptor, POLLIN, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready == 0) return ETIMEDOUT;
    if (ready < 0) {
      if (errno == EINTR) continue;
      return errno;
    }

    const ssize_t size = recv(descriptor, nullptr, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    if (size < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return errno;
    }
    buffer.resize(std::max<std::size_t>(static_cast<std::size_t>(size), sizeof(nlmsghdr)));
    const ssize_t received = recv(descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (received < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return errno;
    }

    int left_bytes = static_cast<int>(received);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); nlmsg_ok(header, left_bytes) != 0;
         header = nlmsg_next(header, &left_bytes)) {
      if (header->nlmsg_seq != sequence) continue;
      if ((header->nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted = true;
      if (header->nlmsg_type == NLMSG_DONE) {
        // A dump that failed on its way carries the error in its last message.
        std::int32_t code = 0;
        if (nlmsg_datalen(header) >= static_cast<int>(sizeof code)) {
          std::memcpy(&code, nlmsg_data(header), sizeof code);
        }
        if (code < 0) return -code;
        return dump && interrupted ? dump_interrupted : 0;
      }
      if (header->nlmsg_type == NLMSG_ERROR) {
        nlmsgerr error{};
        if (nlmsg_datalen(header) < static_cast<int>(sizeof error)) return EPROTO;
        std::memcpy(&error, nlmsg_data(header), sizeof error);
        return -error.error;
      }
      on_answer(*header);
    }
  }
}

std::optional<std::uint8_t> u8_of(const nlattr* attribute) { return number_of<std::uint8_t>(attribute); }
std::optional<std::uint16_t> u16_of(const nlattr* attribute) { return number_of<std::uint16_t>(attribute); }
std::optional<std::uint32_t> u32_of(const nlattr* attribute) { return number_of<std::uint32_t>(attribute); }

std::optional<std::string> string_of(const nlattr* attribute) {
  if (attribute == nullptr) return std::nullopt;
  const char* text = static_cast<const char*>(nla_data(attribute));
  return std::string(text, strnlen(text, static_cast<std::size_t>(nla_len(attribute))));
}

}  // namespace rocekit::facts::kernel
