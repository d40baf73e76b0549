// Requests to the kernel over netlink, each with a deadline; messages are built and parsed with libnl-3.
#pragma once

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/socket.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

namespace rocekit::facts::kernel {

struct FreeMessage {
  void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using MessagePtr = std::unique_ptr<nl_msg, FreeMessage>;

/// A message with `header` (rtgenmsg, genlmsghdr, ...) after the netlink header. Throws std::bad_alloc.
template <class Header>
MessagePtr new_message(int type, int flags, const Header& header);
MessagePtr new_message(int type, int flags);

class NetlinkSocket {
 public:
  static constexpr std::chrono::milliseconds default_deadline{2000};

  /// `protocol`: NETLINK_ROUTE, NETLINK_GENERIC, NETLINK_RDMA. See error() for what went wrong. `deadline`: how long
  /// one request may take until its last answer has come; it does not bound a driver that holds the kernel's RTNL lock,
  /// since such a request waits inside send().
  explicit NetlinkSocket(int protocol, std::chrono::milliseconds deadline = default_deadline);

  /// errno of opening the socket; 0 when it is open.
  int error() const { return error_; }

  /// Sends and gives every answer to `on_answer` until the kernel says that it was the last. A dump that changed while
  /// it was read is asked again, so that `on_answer` may see an object twice: `on_restart` then empties the result.
  /// Returns 0, or the errno that the kernel answered or the socket gave; ETIMEDOUT after the deadline.
  int request(nl_msg& message, const std::function<void(nlmsghdr&)>& on_answer,
              const std::function<void()>& on_restart = {});

 private:
  struct FreeSocket {
    void operator()(nl_sock* socket) const { nl_socket_free(socket); }
  };

  int receive(std::uint32_t sequence, bool dump, const std::function<void(nlmsghdr&)>& on_answer);
  int next_answers(std::chrono::steady_clock::time_point until, std::size_t& bytes);

  std::unique_ptr<nl_sock, FreeSocket> socket_;
  std::vector<char> buffer_;
  std::chrono::milliseconds deadline_;
  int error_ = 0;
};

/// Attributes of a message or of a nested attribute by type; nullptr where there is none. Malformed input gives none.
template <int max>
struct Attributes {
  nlattr* at[max + 1] = {};
  nlattr* operator[](int type) const { return at[type]; }
};
template <int max>
Attributes<max> attributes_of(nlmsghdr& message, std::size_t header_bytes) {
  Attributes<max> attributes;
  if (nlmsg_parse(&message, static_cast<int>(header_bytes), attributes.at, max, nullptr) != 0) return {};
  return attributes;
}
template <int max>
Attributes<max> attributes_in(nlattr* nest) {
  Attributes<max> attributes;
  if (nest == nullptr || nla_parse_nested(attributes.at, max, nest, nullptr) != 0) return {};
  return attributes;
}

/// nullopt when the attribute is absent or too short for the type.
std::optional<std::uint8_t> u8_of(const nlattr* attribute);
std::optional<std::uint16_t> u16_of(const nlattr* attribute);
std::optional<std::uint32_t> u32_of(const nlattr* attribute);
std::optional<std::string> string_of(const nlattr* attribute);

template <class Header>
MessagePtr new_message(int type, int flags, const Header& header) {
  MessagePtr message = new_message(type, flags);
  Header copy = header;
  if (nlmsg_append(message.get(), &copy, sizeof copy, NLMSG_ALIGNTO) != 0) throw std::bad_alloc();
  return message;
}

}  // namespace rocekit::facts::kernel
