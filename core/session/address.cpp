#include "core/session/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <tuple>

#include "core/error.h"
#include "core/session/token.h"
#include "core/text/utf8.h"

namespace rocekit::session {

namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0 || port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

/// nullopt: no address and port; an address of colons alone has no port.
std::optional<HostPort> parse_host_port(std::string_view text) {
  HostPort at;
  std::string_view rest;
  if (!text.empty() && text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || end == 1) return std::nullopt;
    at.host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else if (std::count(text.begin(), text.end(), ':') > 1) {
    at.host = text;
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    at.host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (rest.empty()) return at;
  const auto port = rest.front() == ':' ? parse_port(rest.substr(1)) : std::nullopt;
  if (!port) return std::nullopt;
  at.port = *port;
  return at;
}

std::string default_route_netdev() {
  std::ifstream routes("/proc/net/route");
  std::string line;
  std::string best;
  unsigned long best_metric = ~0ul;
  while (std::getline(routes, line)) {
    std::istringstream fields(line);
    std::string netdev, destination, gateway, flags, references, use;
    unsigned long metric = 0;
    if (!(fields >> netdev >> destination >> gateway >> flags >> references >> use >> metric)) continue;
    if (destination == "00000000" && metric < best_metric) {
      best = netdev;
      best_metric = metric;
    }
  }
  return best;
}

}  // namespace

std::string text_of(const HostPort& at) {
  return at.host.find(':') == std::string::npos ? fmt::format("{}:{}", at.host, at.port)
                                                : fmt::format("[{}]:{}", at.host, at.port);
}

HostPort parse_listen(std::string_view text) {
  const auto at = parse_host_port(text);
  const bool number =
      at && at->port == 0 && !at->host.empty() && at->host.find_first_not_of("0123456789") == std::string::npos;
  if (!at || number) {
    throw InputError(fmt::format(
        "--listen {}: not an address to listen on: give ADDR, ADDR:PORT, :PORT or [IPv6]:PORT, or leave it out",
        text::printable(text)));
  }
  return *at;
}

JoinTarget parse_join(std::string_view text) {
  const std::size_t sign = text.find('@');
  const std::string_view token = text.substr(0, sign);
  const auto at = sign == std::string_view::npos ? std::nullopt : parse_host_port(text.substr(sign + 1));
  const bool has_form = at && !token.empty() && !at->host.empty() && at->port != 0;
  if (has_form && is_token(token)) return {std::string(token), *at};
  throw InputError(fmt::format("--join {}: {}: paste the line that --listen printed on the other node",
                               text::shortened(text::printable(text), 120),
                               has_form ? "the token before the @ is not whole or mistyped (26 of a-z and 2-7)"
                                        : "not of the form TOKEN@ADDR:PORT"));
}

std::uint16_t SocketAddress::port() const {
  return ntohs(storage.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                                             : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

std::vector<SocketAddress> resolve(const HostPort& at) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(at.host.c_str(), std::to_string(at.port).c_str(), &hints, &list);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
  if (error != 0) {
    throw InputError(
        fmt::format("{}: no such address or host name ({})", text::printable(at.host), ::gai_strerror(error)));
  }
  std::vector<SocketAddress> addresses;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    SocketAddress address;
    if (one->ai_addrlen > sizeof address.storage) continue;
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.length = one->ai_addrlen;
    addresses.push_back(address);
  }
  return addresses;
}

std::vector<LocalAddress> local_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) list = nullptr;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, ::freeifaddrs);
  const std::string first_netdev = default_route_netdev();
  std::vector<std::pair<int, LocalAddress>> ranked;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_UP) == 0) continue;
    const int family = one->ifa_addr->sa_family;
    char text[INET6_ADDRSTRLEN] = {};
    int order = 0;
    if (family == AF_INET) {
      const in_addr address = reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr;
      ::inet_ntop(family, &address, text, sizeof text);
      order = (ntohl(address.s_addr) >> 16) == 0xa9fe ? 3 : one->ifa_name == first_netdev ? 1 : 2;
    } else if (family == AF_INET6) {
      const in6_addr address = reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr;
      // A link-local one means nothing without the other host's own name for the link.
      if (IN6_IS_ADDR_LINKLOCAL(&address)) continue;
      ::inet_ntop(family, &address, text, sizeof text);
      order = 4;
    } else {
      continue;
    }
    std::error_code ignored;
    const std::filesystem::path netdev = std::filesystem::path("/sys/class/net") / one->ifa_name;
    if (std::filesystem::exists(netdev / "bridge", ignored) || std::filesystem::exists(netdev / "tun_flags", ignored))
      order += 10;
    if ((one->ifa_flags & IFF_RUNNING) == 0) order += 20;
    if ((one->ifa_flags & IFF_LOOPBACK) != 0) order += 100;
    ranked.push_back({order, {text, one->ifa_name}});
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<LocalAddress> addresses;
  for (auto& [order, address] : ranked) {
    if (order < 100 || addresses.empty()) addresses.push_back(std::move(address));
  }
  return addresses;
}

}  // namespace rocekit::session
