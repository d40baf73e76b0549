#include "probes/facts/kernel/netlink.h"

#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace rocekit::facts::kernel {
namespace {

/// What receive() answers for a dump during which the kernel's table changed, and for an answer that the buffer was too
/// small for.
constexpr int ask_again = -1;
constexpr int most_attempts = 3;
/// The kernel fills no message of a dump further (netlink_dump), and other answers are a page at most; a longer one
/// makes the buffer grow.
constexpr std::size_t usual_answer_bytes = 32768;

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
    if (result != ask_again) return result;
    if (attempt == most_attempts) return EAGAIN;
    if (on_restart) on_restart();
  }
}

/// Reads what has come, or waits for it. 0, ask_again or an errno.
int NetlinkSocket::next_answers(std::chrono::steady_clock::time_point until, std::size_t& bytes) {
  const int descriptor = nl_socket_get_fd(socket_.get());
  for (;;) {
    // Most answers are there when send() returns.
    const ssize_t received = recv(descriptor, buffer_.data(), buffer_.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (received >= 0) {
      bytes = static_cast<std::size_t>(received);
      if (bytes <= buffer_.size()) return 0;
      buffer_.resize(bytes);
      return ask_again;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return errno;

    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd waiting{descriptor, POLLIN, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready == 0) return ETIMEDOUT;
    if (ready < 0 && errno != EINTR) return errno;
  }
}

int NetlinkSocket::receive(std::uint32_t sequence, bool dump, const std::function<void(nlmsghdr&)>& on_answer) {
  const auto until = std::chrono::steady_clock::now() + deadline_;
  if (buffer_.empty()) buffer_.resize(usual_answer_bytes);
  bool interrupted = false;
  for (;;) {
    std::size_t bytes = 0;
    if (const int error = next_answers(until, bytes); error != 0) return error;
    int left_bytes = static_cast<int>(bytes);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(header, left_bytes) != 0;
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
        return dump && interrupted ? ask_again : 0;
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
