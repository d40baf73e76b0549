#include "verbs/tcp_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

namespace rocekit::verbs {
namespace {

constexpr int slice_ms = 20;  // how late a wait may learn that the run was called off

using NameCall = int (*)(int, sockaddr*, socklen_t*);

std::string name_from(int socket, NameCall call) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  if (call(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) return "?";
  return to_string(address);
}

}  // namespace

std::optional<sockaddr_in> ipv4_address(const std::string& ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, ip.c_str(), &address.sin_addr) != 1) return std::nullopt;
  return address;
}

std::string to_string(const sockaddr_in& address) {
  char text[INET_ADDRSTRLEN] = "?";
  inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  return fmt::format("{}:{}", text, ntohs(address.sin_port));
}

std::string local_name(int socket) { return name_from(socket, getsockname); }
std::string remote_name(int socket) { return name_from(socket, getpeername); }

bool is_address_of_this_host(const sockaddr_in& address) {
  if (ntohl(address.sin_addr.s_addr) >> 24 == 127) return true;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return false;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
    if (reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr.s_addr == address.sin_addr.s_addr) return true;
  }
  return false;
}

bool set_option(int socket, int level, int option, int value) {
  return setsockopt(socket, level, option, &value, sizeof value) == 0;
}

int option_or(int socket, int level, int option, int otherwise) {
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(socket, level, option, &value, &length) == 0 ? value : otherwise;
}

short wait_for_events(int socket, short events, const Wait& wait) {
  while (true) {
    pollfd entry{socket, events, 0};
    if (poll(&entry, 1, std::min(slice_ms, wait.deadline.left_ms())) > 0) return entry.revents;
    if (wait.is_called_off() || wait.deadline.passed()) return 0;
  }
}

}  // namespace rocekit::verbs
