#include "probes/facts/readers/proc_files.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <limits>

#include "probes/facts/readers/nccl_settings.h"
#include "probes/facts/readers/values.h"

namespace rocekit::facts::readers {
namespace {

std::optional<int> small_number(std::string_view text) {
  const auto number = parse_unsigned(text);
  // User numbers are 32 bits wide and -1 stands for nobody.
  if (!number || *number > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) return std::nullopt;
  return static_cast<int>(*number);
}

std::optional<std::uint32_t> parse_hex(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// "unlimited" or a number of bytes; nullopt in the first place: neither.
std::optional<std::optional<std::uint64_t>> parse_limit(std::string_view word) {
  if (word == "unlimited") return std::optional<std::uint64_t>();
  const auto bytes = parse_unsigned(word);
  if (!bytes) return std::nullopt;
  return std::optional<std::uint64_t>(*bytes);
}

}  // namespace

ProcStatus parse_proc_status(std::string_view text) {
  ProcStatus status;
  for (const std::string& line : split_words(text, "\n")) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string_view name = std::string_view(line).substr(0, colon);
    const std::vector<std::string> words = split_words(std::string_view(line).substr(colon + 1));
    if (name == "State" && !words.empty()) status.state = words[0].front();
    // Real, effective, saved, of the file system.
    if (name == "Uid" && words.size() == 4) status.euid = small_number(words[1]);
    if (name == "Gid" && words.size() == 4) status.egid = small_number(words[1]);
    if (name == "Groups") {
      for (const std::string& word : words) {
        if (const auto group = small_number(word)) status.groups.push_back(*group);
      }
    }
    if (name == "CapEff" && !words.empty()) status.capabilities_hex = words[0];
    if (name == "VmSize") status.has_memory = true;
  }
  return status;
}

std::optional<std::uint64_t> parse_start_ticks(std::string_view stat) {
  const std::size_t end_of_name = stat.rfind(')');
  if (end_of_name == std::string_view::npos) return std::nullopt;
  // The third field stands behind the name.
  const std::vector<std::string> words = split_words(stat.substr(end_of_name + 1));
  return words.size() < 20 ? std::nullopt : parse_unsigned(words[19]);
}

std::optional<Memlock> parse_memlock(std::string_view limits) {
  constexpr std::string_view name = "Max locked memory";
  for (const std::string& line : split_words(limits, "\n")) {
    if (!line.starts_with(name)) continue;
    const std::vector<std::string> words = split_words(std::string_view(line).substr(name.size()));
    if (words.size() < 2) return std::nullopt;
    const auto soft = parse_limit(words[0]);
    const auto hard = parse_limit(words[1]);
    if (!soft || !hard) return std::nullopt;
    return Memlock{*soft, *hard};
  }
  return std::nullopt;
}

std::map<std::string, std::string> parse_environ(std::string_view text) {
  std::map<std::string, std::string> variables;
  while (!text.empty()) {
    const std::string_view entry = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(entry.size() + 1, text.size()));
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    const std::string_view name = entry.substr(0, equals);
    // getenv() takes the first of equal names.
    if (is_asked_variable(name)) variables.emplace(name, entry.substr(equals + 1));
  }
  return variables;
}

bool maps_all_users(std::string_view uid_map) {
  const std::vector<std::string> words = split_words(uid_map, " \t\n");
  return words.size() == 3 && words[0] == "0" && words[1] == "0" && words[2] == "4294967295";
}

std::optional<std::string> home_of(std::string_view passwd, int uid) {
  for (const std::string& line : split_words(passwd, "\n")) {
    // Empty fields count, which split_words() would leave out.
    std::vector<std::string_view> fields;
    for (std::string_view rest = line;;) {
      const std::size_t colon = rest.find(':');
      fields.push_back(rest.substr(0, colon));
      if (colon == std::string_view::npos) break;
      rest.remove_prefix(colon + 1);
    }
    if (fields.size() < 6 || small_number(fields[2]) != uid) continue;
    if (fields[5].empty()) return std::nullopt;
    return std::string(fields[5]);
  }
  return std::nullopt;
}

std::vector<std::string> parse_net_dev(std::string_view text) {
  std::vector<std::string> names;
  for (const std::string& line : split_words(text, "\n")) {
    const std::size_t colon = line.find(':');
    // The two lines of titles have bars.
    if (colon == std::string::npos || line.find('|') != std::string::npos) continue;
    const std::string name(trim(std::string_view(line).substr(0, colon)));
    if (!name.empty() && is_printable(name)) names.push_back(name);
  }
  return names;
}

std::map<std::string, Counters> parse_net_dev_counters(std::string_view text) {
  std::map<std::string, Counters> counters;
  for (const std::string& line : split_words(text, "\n")) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || line.find('|') != std::string::npos) continue;
    const std::vector<std::string> words = split_words(std::string_view(line).substr(colon + 1));
    if (words.size() < 10) continue;
    Counters& own = counters[std::string(trim(std::string_view(line).substr(0, colon)))];
    const std::array<std::pair<const char*, std::size_t>, 4> places{
        {{"rx_bytes", 0}, {"rx_packets", 1}, {"tx_bytes", 8}, {"tx_packets", 9}}};
    for (const auto& [name, place] : places) {
      if (const auto value = parse_unsigned(words[place])) own[name] = *value;
    }
  }
  return counters;
}

std::vector<OnLinkRoute> parse_on_link_routes(std::string_view route) {
  std::vector<OnLinkRoute> routes;
  for (const std::string& line : split_words(route, "\n")) {
    const std::vector<std::string> words = split_words(line);
    if (words.size() < 8) continue;
    const auto destination = parse_hex(words[1]);
    const auto gateway = parse_hex(words[2]);
    const auto mask = parse_hex(words[7]);
    if (!destination || !gateway || !mask || *gateway != 0 || *mask == 0) continue;
    // The kernel prints the network's bytes as a number of this machine.
    routes.push_back({words[0], ntohl(*destination), std::popcount(*mask)});
  }
  return routes;
}

std::vector<std::uint32_t> parse_local_ipv4(std::string_view fib_trie) {
  std::vector<std::uint32_t> addresses;
  std::uint32_t last = 0;
  for (const std::string& line : split_words(fib_trie, "\n")) {
    const std::vector<std::string> words = split_words(line);
    if (words.size() == 2 && words[0] == "|--") {
      in_addr address{};
      last = inet_pton(AF_INET, words[1].c_str(), &address) == 1 ? ntohl(address.s_addr) : 0;
    } else if (words.size() == 3 && words[0] == "/32" && words[1] == "host" && words[2] == "LOCAL" && last != 0) {
      if (std::find(addresses.begin(), addresses.end(), last) == addresses.end()) addresses.push_back(last);
    }
  }
  return addresses;
}

std::vector<Inet6Line> parse_if_inet6(std::string_view text) {
  std::vector<Inet6Line> lines;
  for (const std::string& line : split_words(text, "\n")) {
    const std::vector<std::string> words = split_words(line);
    if (words.size() != 6 || words[0].size() != 32) continue;
    std::array<std::uint8_t, 16> bytes{};
    bool is_hex = true;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const auto byte = parse_hex(std::string_view(words[0]).substr(2 * i, 2));
      is_hex = is_hex && byte;
      bytes[i] = static_cast<std::uint8_t>(byte.value_or(0));
    }
    const auto prefix = parse_hex(words[2]);
    const auto scope = parse_hex(words[3]);
    std::array<char, INET6_ADDRSTRLEN> shown{};
    if (!is_hex || !prefix || *prefix > 128 || !scope ||
        inet_ntop(AF_INET6, bytes.data(), shown.data(), shown.size()) == nullptr) {
      continue;
    }
    // IPV6_ADDR_LOOPBACK and IPV6_ADDR_LINKLOCAL of include/net/ipv6.h.
    const char* scope_word = *scope == 0x10 ? "host" : *scope == 0x20 ? "link" : "global";
    lines.push_back({words[5], {"inet6", shown.data(), static_cast<int>(*prefix), scope_word}});
  }
  return lines;
}

}  // namespace rocekit::facts::readers
