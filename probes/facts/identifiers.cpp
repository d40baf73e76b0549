#include "probes/facts/identifiers.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace rocekit::facts {
namespace {

using Ipv6 = std::array<std::uint8_t, 16>;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_word(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_mapped(const Ipv6& address) {
  constexpr std::array<std::uint8_t, 12> prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(prefix.begin(), prefix.end(), address.begin());
}

/// Bytes of groups of hexadecimal digits: "aa:bb:cc" has groups of two.
template <std::size_t N>
std::optional<std::array<std::uint8_t, N>> parse_groups(std::string_view text, std::size_t digits) {
  const std::size_t groups = N * 2 / digits;
  if (text.size() != groups * digits + groups - 1) return std::nullopt;
  std::array<std::uint8_t, N> bytes{};
  std::size_t byte = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (i % (digits + 1) == digits) {
      if (text[i++] != ':') return std::nullopt;
      continue;
    }
    if (!is_hex(text[i]) || !is_hex(text[i + 1])) return std::nullopt;
    std::from_chars(text.data() + i, text.data() + i + 2, bytes[byte++], 16);
    i += 2;
  }
  return bytes;
}

template <std::size_t N>
std::optional<std::array<std::uint8_t, N>> parse_hex(std::string_view text) {
  if (text.size() != N * 2 || !std::all_of(text.begin(), text.end(), is_hex)) return std::nullopt;
  std::array<std::uint8_t, N> bytes{};
  for (std::size_t i = 0; i < N; ++i) std::from_chars(text.data() + 2 * i, text.data() + 2 * i + 2, bytes[i], 16);
  return bytes;
}

template <std::size_t N>
std::string print_groups(const std::array<std::uint8_t, N>& bytes, std::size_t digits, bool colons = true) {
  std::string text;
  for (std::size_t i = 0; i < N; ++i) {
    if (colons && i != 0 && i * 2 % digits == 0) text += ':';
    text += fmt::format("{:02x}", bytes[i]);
  }
  return text;
}

std::uint32_t mask_bits(int prefix_length) {
  return prefix_length == 0 ? 0 : ~std::uint32_t{0} << static_cast<unsigned>(32 - prefix_length);
}

/// Addresses that tell nothing of this machine, and those that are stand-ins already.
bool ipv4_stays(std::uint32_t address) {
  struct Range {
    std::uint32_t network;
    int prefix_length;
  };
  constexpr std::array ranges{Range{0x00000000, 8},  Range{0x7f000000, 8},  Range{0xa9fe0000, 16},
                              Range{0xe0000000, 4},  Range{0xf0000000, 4},  Range{0xc0000200, 24},
                              Range{0xc6336400, 24}, Range{0xcb007100, 24}, Range{0xc6120000, 15}};
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Range& range) { return (address & mask_bits(range.prefix_length)) == range.network; });
}

constexpr std::array<std::uint8_t, 3> masked_mac_start{0x02, 0, 0};

bool is_multicast_or_nothing(const std::array<std::uint8_t, 6>& mac) {
  return (mac[0] & 1U) != 0 || std::all_of(mac.begin(), mac.end(), [](std::uint8_t byte) { return byte == 0; });
}

/// The MAC that an EUI-64 or a GUID of mlx5's making (03:00 in the middle) is made of.
template <class Guid>
std::optional<std::array<std::uint8_t, 6>> mac_of(const Guid& guid) {
  std::array<std::uint8_t, 6> mac{guid[0], guid[1], guid[2], guid[5], guid[6], guid[7]};
  if (guid[3] == 0xff && guid[4] == 0xfe) {
    mac[0] ^= 2U;
    return mac;
  }
  if (guid[3] == 0x03 && guid[4] == 0x00) return mac;
  return std::nullopt;
}

}  // namespace

struct Identifiers::Token {
  enum class Kind { mac, infiniband_mac, guid, ipv6, ipv6_in_full, ipv4, uuid, named_by_mac, named_by_guid } kind;
  std::string_view text;
  std::string_view name;  ///< of a netdev or device that is named by its address: "enx"
};

template <class Sink>
void Identifiers::visit_tokens(std::string_view text, DottedNumbers dotted, Sink&& sink) {
  using Kind = Token::Kind;
  const auto boundary = [&](std::size_t position) { return position >= text.size() || !is_word(text[position]); };
  for (std::size_t i = 0; i < text.size();) {
    if (!is_word(text[i]) && text[i] != ':') {
      ++i;
      continue;
    }
    if (i > 0 && is_word(text[i - 1])) {
      ++i;
      continue;
    }
    // A word that ends in an address: enx4cbb472cac10, rocex4cbb4703002cac10.
    std::size_t word_end = i;
    while (word_end < text.size() && is_word(text[word_end])) ++word_end;
    const std::string_view word = text.substr(i, word_end - i);
    bool named = false;
    for (const std::string_view name : {"enx", "wlx", "wwx", "ibx", "rocex", "iwx", "opax"}) {
      if (word.substr(0, name.size()) != name) continue;
      const std::string_view digits = word.substr(name.size());
      if (parse_hex<6>(digits)) sink(Token{Kind::named_by_mac, digits, name});
      if (parse_hex<8>(digits)) sink(Token{Kind::named_by_guid, digits, name});
      named = parse_hex<6>(digits) || parse_hex<8>(digits);
    }
    if (named) {
      i = word_end;
      continue;
    }
    // 8-4-4-4-12 digits.
    const std::string_view uuid = text.substr(i, 36);
    if (uuid.size() == 36 && uuid[8] == '-' && boundary(i + 36)) {
      bool is_uuid = true;
      for (std::size_t k = 0; k < 36; ++k) {
        const bool dash = k == 8 || k == 13 || k == 18 || k == 23;
        is_uuid = is_uuid && (dash ? uuid[k] == '-' : is_hex(uuid[k]));
      }
      if (is_uuid) {
        sink(Token{Kind::uuid, uuid, {}});
        i += 36;
        continue;
      }
    }
    std::size_t end = i;
    while (end < text.size() && (is_hex(text[end]) || text[end] == ':' || text[end] == '.')) ++end;
    if (end == i || !boundary(end)) {
      i = std::max(word_end, i + 1);
      continue;
    }
    std::string_view run = text.substr(i, end - i);
    while (!run.empty() &&
           (run.back() == '.' ||
            (run.back() == ':' && run.substr(run.size() - std::min<std::size_t>(run.size(), 2)) != "::"))) {
      run.remove_suffix(1);
    }
    const std::size_t next = end;
    // "192.168.0.1:5000": one colon is no IPv6 address.
    if (std::count(run.begin(), run.end(), ':') == 1) run = run.substr(0, run.find(':'));
    std::array<char, 48> copy{};
    const bool short_enough = run.size() < copy.size();
    if (short_enough) std::memcpy(copy.data(), run.data(), run.size());
    Ipv6 address{};
    if (parse_groups<6>(run, 2)) {
      sink(Token{Kind::mac, run, {}});
    } else if (parse_groups<20>(run, 2)) {
      sink(Token{Kind::infiniband_mac, run, {}});
    } else if (parse_groups<8>(run, 4)) {
      sink(Token{Kind::guid, run, {}});
    } else if (parse_groups<16>(run, 4)) {
      sink(Token{Kind::ipv6_in_full, run, {}});
    } else if (short_enough && run.find(':') != std::string_view::npos &&
               inet_pton(AF_INET6, copy.data(), address.data()) == 1) {
      sink(Token{Kind::ipv6, run, {}});
    } else if (dotted == DottedNumbers::are_addresses && short_enough &&
               inet_pton(AF_INET, copy.data(), address.data()) == 1) {
      sink(Token{Kind::ipv4, run, {}});
    }
    i = std::max(next, i + 1);
  }
}

namespace {

Ipv6 ipv6_of(std::string_view text) {
  Ipv6 address{};
  inet_pton(AF_INET6, std::string(text).c_str(), address.data());
  return address;
}

std::uint32_t ipv4_of(std::string_view text) {
  std::array<std::uint8_t, 4> bytes{};
  inet_pton(AF_INET, std::string(text).c_str(), bytes.data());
  return static_cast<std::uint32_t>(bytes[0]) << 24U | static_cast<std::uint32_t>(bytes[1]) << 16U |
         static_cast<std::uint32_t>(bytes[2]) << 8U | bytes[3];
}

std::string print_ipv4(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24U, address >> 16U & 0xffU, address >> 8U & 0xffU, address & 0xffU);
}

std::uint32_t mapped_part(const Ipv6& address) {
  return static_cast<std::uint32_t>(address[12]) << 24U | static_cast<std::uint32_t>(address[13]) << 16U |
         static_cast<std::uint32_t>(address[14]) << 8U | address[15];
}

}  // namespace

void Identifiers::collect(std::string_view text, DottedNumbers dotted) {
  visit_tokens(text, dotted, [this](const Token& token) {
    using Kind = Token::Kind;
    switch (token.kind) {
      case Kind::mac:
        collect_mac(*parse_groups<6>(token.text, 2));
        break;
      case Kind::named_by_mac:
        collect_mac(*parse_hex<6>(token.text));
        break;
      case Kind::named_by_guid:
        collect_guid(*parse_hex<8>(token.text));
        break;
      case Kind::infiniband_mac: {
        const auto bytes = *parse_groups<20>(token.text, 2);
        Guid guid{};
        std::copy(bytes.begin() + 12, bytes.end(), guid.begin());
        collect_guid(guid);
        break;
      }
      case Kind::guid:
        collect_guid(*parse_groups<8>(token.text, 4));
        break;
      case Kind::ipv6:
        collect_ipv6(ipv6_of(token.text));
        break;
      case Kind::ipv6_in_full:
        collect_ipv6(*parse_groups<16>(token.text, 4));
        break;
      case Kind::ipv4:
        ipv4_.insert(ipv4_of(token.text));
        break;
      case Kind::uuid:
        uuids_.emplace(token.text, 0);
        break;
    }
  });
}

void Identifiers::collect_mac(const Mac& mac) {
  if (is_multicast_or_nothing(mac) || std::equal(masked_mac_start.begin(), masked_mac_start.end(), mac.begin())) return;
  mac_prefixes_.emplace(std::array<std::uint8_t, 5>{mac[0], mac[1], mac[2], mac[3], mac[4]}, 0);
}

void Identifiers::collect_guid(const Guid& guid) {
  if (const auto mac = mac_of(guid)) {
    collect_mac(*mac);
    return;
  }
  if (std::equal(masked_mac_start.begin(), masked_mac_start.end(), guid.begin())) return;
  // Small numbers (::10) are chosen by hand and tell of no machine.
  if (std::all_of(guid.begin(), guid.begin() + 4, [](std::uint8_t byte) { return byte == 0; })) return;
  std::array<std::uint8_t, 7> prefix{};
  std::copy(guid.begin(), guid.begin() + 7, prefix.begin());
  guid_prefixes_.emplace(prefix, 0);
}

void Identifiers::collect_ipv6(const Ipv6& address) {
  if (is_mapped(address)) {
    ipv4_.insert(mapped_part(address));
    return;
  }
  const bool unicast = (address[0] & 0xe0U) == 0x20U || (address[0] & 0xfeU) == 0xfcU;
  const bool link_local = address[0] == 0xfe && (address[1] & 0xc0U) == 0x80U;
  if (!unicast && !link_local) return;
  Guid half{};
  std::copy(address.begin() + 8, address.end(), half.begin());
  collect_guid(half);
  constexpr std::array<std::uint8_t, 4> documentation{0x20, 0x01, 0x0d, 0xb8};
  if (!unicast || std::equal(documentation.begin(), documentation.end(), address.begin())) return;
  std::copy(address.begin(), address.begin() + 8, half.begin());
  ipv6_prefixes_.emplace(half, 0);
}

void Identifiers::add_hostname(std::string_view hostname) {
  if (hostname.empty() || hostname == "localhost" || hostname.substr(0, 5) == "node-") return;
  hostnames_.emplace(hostname);
  hostnames_.emplace(hostname.substr(0, hostname.find('.')));
}

void Identifiers::add_home(std::string_view home) {
  constexpr std::string_view parent = "/home/";
  if (home.substr(0, parent.size()) != parent) return;
  const std::string_view name = home.substr(parent.size(), home.find('/', parent.size()) - parent.size());
  if (!name.empty() && name != "user") homes_.insert(std::string(parent) + std::string(name));
}

void Identifiers::add_serial(std::string_view serial) {
  if (!serial.empty() && serial.substr(0, 7) != "MASKED-") serials_.emplace(serial, 0);
}

void Identifiers::add_subnet(std::string_view ipv4, int prefix_length) {
  // Shorter ones are no subnets but routes that mean nearly everything.
  if (prefix_length < 8 || prefix_length > 32) return;
  subnets_.insert({ipv4_of(ipv4) & mask_bits(prefix_length), prefix_length});
}

void Identifiers::keep_word(std::string_view word) { kept_words_.emplace(word); }

void Identifiers::assign() {
  const auto number = [](auto& map) {
    unsigned next = 1;
    for (auto& [key, value] : map) value = next++;
  };
  number(mac_prefixes_);
  number(guid_prefixes_);
  number(ipv6_prefixes_);
  number(uuids_);
  number(serials_);

  // Host routes and addresses stand in a subnet of their own only when no larger one holds them.
  std::vector<Subnet> outermost;
  const auto holds = [&](std::uint32_t address) {
    return std::any_of(outermost.begin(), outermost.end(), [&](const Subnet& subnet) {
      return (address & mask_bits(subnet.prefix_length)) == subnet.network;
    });
  };
  std::vector<Subnet> by_size(subnets_.begin(), subnets_.end());
  std::stable_sort(by_size.begin(), by_size.end(),
                   [](const Subnet& a, const Subnet& b) { return a.prefix_length < b.prefix_length; });
  for (const Subnet& subnet : by_size) {
    if (subnet.prefix_length < 32 && !ipv4_stays(subnet.network) && !holds(subnet.network)) outermost.push_back(subnet);
  }
  for (const std::uint32_t address : ipv4_) {
    if (!ipv4_stays(address) && !holds(address)) outermost.push_back({address & mask_bits(24), 24});
  }
  std::sort(outermost.begin(), outermost.end());
  constexpr std::array<std::uint32_t, 3> documentation{0xc0000200, 0xc6336400, 0xcb007100};
  std::uint32_t small = 0;
  std::uint32_t large = 0xf0000000;
  for (const Subnet& subnet : outermost) {
    std::uint32_t network = 0;
    if (subnet.prefix_length >= 24) {
      network = small < documentation.size() ? documentation.at(small) : 0xc6120000 + ((small - 3U) % 512U) * 256U;
      ++small;
      // The bits between /24 and a longer prefix are kept.
      network |= subnet.network & ~mask_bits(24);
    } else {
      const std::uint32_t size = ~mask_bits(subnet.prefix_length) + 1;
      large = (large + size - 1) & mask_bits(subnet.prefix_length);
      network = large;
      large += size;
      if (large < 0xf0000000) large = 0xf0000000;
    }
    masked_subnets_.emplace_back(subnet, network);
  }

  unsigned next = 1;
  for (const std::string& name : hostnames_) {
    // A host may be called like a driver or netdev; those words must keep their meaning.
    const std::string short_name = name.substr(0, name.find('.'));
    const auto known = words_.find(short_name);
    const std::string masked = known != words_.end() ? known->second : fmt::format("node-{}", next++);
    if (name == short_name) {
      words_.emplace(name, masked);
    } else {
      words_.emplace(name, masked + ".example");
    }
  }
  for (const std::string& home : homes_) words_.emplace(home, "/home/user");
}

Identifiers::Mac Identifiers::mask_mac(const Mac& mac) const {
  const auto found = mac_prefixes_.find({mac[0], mac[1], mac[2], mac[3], mac[4]});
  if (is_multicast_or_nothing(mac) || found == mac_prefixes_.end()) return mac;
  return {0x02, 0, 0, static_cast<std::uint8_t>(found->second >> 8U), static_cast<std::uint8_t>(found->second), mac[5]};
}

Identifiers::Guid Identifiers::mask_guid(const Guid& guid) const {
  if (const auto mac = mac_of(guid)) {
    const Mac masked = mask_mac(*mac);
    if (masked == *mac) return guid;
    const bool eui64 = guid[3] == 0xff;
    const auto first = static_cast<std::uint8_t>(eui64 ? masked[0] ^ 2U : masked[0]);
    return {first, masked[1], masked[2], guid[3], guid[4], masked[3], masked[4], masked[5]};
  }
  std::array<std::uint8_t, 7> prefix{};
  std::copy(guid.begin(), guid.begin() + 7, prefix.begin());
  const auto found = guid_prefixes_.find(prefix);
  if (found == guid_prefixes_.end()) return guid;
  const unsigned number = found->second;
  return {0x02,
          0,
          0,
          0x80,
          static_cast<std::uint8_t>(number >> 16U),
          static_cast<std::uint8_t>(number >> 8U),
          static_cast<std::uint8_t>(number),
          guid[7]};
}

std::uint32_t Identifiers::mask_ipv4(std::uint32_t address) const {
  for (const auto& [subnet, network] : masked_subnets_) {
    const std::uint32_t bits = mask_bits(subnet.prefix_length);
    if ((address & bits) == subnet.network && !ipv4_stays(address)) return network | (address & ~bits);
  }
  return address;
}

Ipv6 Identifiers::mask_ipv6(const Ipv6& address) const {
  Ipv6 masked = address;
  if (is_mapped(address)) {
    const std::uint32_t ipv4 = mask_ipv4(mapped_part(address));
    for (unsigned i = 0; i < 4; ++i) masked[12 + i] = static_cast<std::uint8_t>(ipv4 >> (24U - 8U * i));
    return masked;
  }
  const bool unicast = (address[0] & 0xe0U) == 0x20U || (address[0] & 0xfeU) == 0xfcU;
  const bool link_local = address[0] == 0xfe && (address[1] & 0xc0U) == 0x80U;
  if (!unicast && !link_local) return address;
  Guid half{};
  std::copy(address.begin() + 8, address.end(), half.begin());
  half = mask_guid(half);
  std::copy(half.begin(), half.end(), masked.begin() + 8);
  std::copy(address.begin(), address.begin() + 8, half.begin());
  if (const auto found = ipv6_prefixes_.find(half); found != ipv6_prefixes_.end()) {
    const unsigned number = found->second;
    const std::array<std::uint8_t, 8> prefix{0x20,
                                             0x01,
                                             0x0d,
                                             0xb8,
                                             static_cast<std::uint8_t>(number >> 24U),
                                             static_cast<std::uint8_t>(number >> 16U),
                                             static_cast<std::uint8_t>(number >> 8U),
                                             static_cast<std::uint8_t>(number)};
    std::copy(prefix.begin(), prefix.end(), masked.begin());
  }
  return masked;
}

std::string Identifiers::mask_token(const Token& token) const {
  using Kind = Token::Kind;
  switch (token.kind) {
    case Kind::mac:
      return print_groups(mask_mac(*parse_groups<6>(token.text, 2)), 2);
    case Kind::named_by_mac:
      return print_groups(mask_mac(*parse_hex<6>(token.text)), 2, false);
    case Kind::named_by_guid:
      return print_groups(mask_guid(*parse_hex<8>(token.text)), 2, false);
    case Kind::infiniband_mac: {
      auto bytes = *parse_groups<20>(token.text, 2);
      Guid guid{};
      std::copy(bytes.begin() + 12, bytes.end(), guid.begin());
      guid = mask_guid(guid);
      std::copy(guid.begin(), guid.end(), bytes.begin() + 12);
      return print_groups(bytes, 2);
    }
    case Kind::guid:
      return print_groups(mask_guid(*parse_groups<8>(token.text, 4)), 4);
    case Kind::ipv6_in_full:
      return print_groups(mask_ipv6(*parse_groups<16>(token.text, 4)), 4);
    case Kind::ipv6: {
      const Ipv6 address = ipv6_of(token.text);
      const Ipv6 masked = mask_ipv6(address);
      if (masked == address) return std::string(token.text);
      std::array<char, INET6_ADDRSTRLEN> text{};
      inet_ntop(AF_INET6, masked.data(), text.data(), text.size());
      return text.data();
    }
    case Kind::ipv4: {
      const std::uint32_t address = ipv4_of(token.text);
      return print_ipv4(mask_ipv4(address));
    }
    case Kind::uuid: {
      const auto found = uuids_.find(std::string(token.text));
      if (found == uuids_.end() || token.text.substr(0, 24) == "00000000-0000-4000-8000-")
        return std::string(token.text);
      return fmt::format("00000000-0000-4000-8000-{:012x}", found->second);
    }
  }
  return std::string(token.text);
}

std::string Identifiers::mask(std::string_view text, DottedNumbers dotted) const {
  std::string masked;
  const char* copied_to = text.data();
  visit_tokens(text, dotted, [&](const Token& token) {
    masked.append(copied_to, token.text.data());
    masked += mask_token(token);
    copied_to = token.text.data() + token.text.size();
  });
  masked.append(copied_to, text.data() + text.size());
  return dotted == DottedNumbers::are_addresses ? mask_words(masked) : masked;
}

std::string Identifiers::mask_words(std::string_view text) const {
  std::string masked(text);
  for (const auto& [word, stand_in] : words_) {
    if (kept_words_.count(word) != 0) continue;
    const auto inside_word = [&](std::size_t position) {
      return position < masked.size() && (is_word(masked[position]) || masked[position] == '-');
    };
    for (std::size_t at = masked.find(word); at != std::string::npos; at = masked.find(word, at)) {
      const bool whole = (at == 0 || word.front() == '/' || !inside_word(at - 1)) && !inside_word(at + word.size());
      if (whole) masked.replace(at, word.size(), stand_in);
      at += whole ? stand_in.size() : 1;
    }
  }
  return masked;
}

std::string Identifiers::mask_hostname(std::string_view hostname) const {
  const auto found = words_.find(std::string(hostname));
  return found == words_.end() ? std::string(hostname) : found->second;
}

std::string Identifiers::mask_serial(std::string_view serial) const {
  const auto found = serials_.find(std::string(serial));
  return found == serials_.end() ? std::string(serial) : fmt::format("MASKED-{}", found->second);
}

}  // namespace rocekit::facts
