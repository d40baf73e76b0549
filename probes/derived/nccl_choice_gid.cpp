#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "probes/derived/nccl_choice_parts.h"

namespace rocekit::derived::nccl {
namespace {

using facts::Gid;
using facts::Port;
using Bytes = std::array<std::uint8_t, 16>;

enum class Family { inet, inet6 };

/// Larger tables exist on no device; a wrong number in a file must not keep the loop busy.
constexpr int largest_table = 4096;

struct Entry {
  Bytes raw{};
  int roce_version = -1;  ///< -1: the kernel tells no type
};

Bytes bytes_of(const std::string& gid) {
  Bytes raw{};
  if (inet_pton(AF_INET6, gid.c_str(), raw.data()) != 1) raw.fill(0);
  return raw;
}

bool all_zero(const Bytes& raw, std::size_t from, std::size_t to) {
  return std::all_of(raw.begin() + static_cast<std::ptrdiff_t>(from), raw.begin() + static_cast<std::ptrdiff_t>(to),
                     [](std::uint8_t byte) { return byte == 0; });
}

bool is_zero(const Bytes& raw) { return all_zero(raw, 0, raw.size()); }

bool is_link_local(const Bytes& raw) { return raw[0] == 0xfe && raw[1] == 0x80 && all_zero(raw, 2, 8); }

bool is_valid(const Bytes& raw) { return !is_zero(raw) && !is_link_local(raw); }

Family family_of(const Bytes& raw) {
  const bool mapped_tail = all_zero(raw, 4, 10) && raw[10] == 0xff && raw[11] == 0xff;
  const bool mapped = mapped_tail && all_zero(raw, 0, 4);
  const bool mapped_multicast = mapped_tail && raw[0] == 0xff && raw[1] == 0x0e && raw[2] == 0 && raw[3] == 0;
  return mapped || mapped_multicast ? Family::inet : Family::inet6;
}

int roce_version_of(const facts::Fact<std::string>& type) {
  if (!type) return -1;
  const std::string_view text = *type;
  if (text.substr(0, 10) == "IB/RoCE v1" || text.substr(0, 7) == "RoCE v1") return 1;
  if (text.substr(0, 7) == "RoCE v2") return 2;
  return -1;
}

/// NCCL_IB_ADDR_RANGE, "192.168.100.0/24". A length of 0 matches every GID, a negative one none, as in
/// matchGidAddrPrefix.
struct Range {
  Bytes base{};
  int length = 0;
};

Range wanted_range(const facts::NodeFacts& node, Family family) {
  Range range;
  const auto text = setting(node, "NCCL_IB_ADDR_RANGE");
  if (!text) return range;
  const std::string cut = text->substr(0, 127);
  const std::size_t slash = cut.find('/');
  if (slash == std::string::npos) return range;
  if (inet_pton(family == Family::inet ? AF_INET : AF_INET6, cut.substr(0, slash).c_str(), range.base.data()) != 1) {
    return {};
  }
  const long length = std::strtol(cut.c_str() + slash + 1, nullptr, 10);
  if (length > (family == Family::inet ? 32 : 128)) return {};
  range.length = length < 0 ? -1 : static_cast<int>(length);
  return range;
}

bool in_range(const Range& range, Family family, const Bytes& raw) {
  if (range.length < 0) return false;
  // An IPv4 range is compared with the last four bytes only, whatever stands before them.
  const std::size_t offset = family == Family::inet ? 12 : 0;
  int left = range.length;
  for (std::size_t i = 0; left > 0; ++i, left -= 8) {
    const auto mask = static_cast<std::uint8_t>(left >= 8 ? 0xff : 0xff << (8 - left));
    if (((range.base[i] ^ raw[offset + i]) & mask) != 0) return false;
  }
  return true;
}

std::vector<Entry> table_of(const Port& port) {
  int length = 0;
  for (const Gid& gid : port.gids) length = std::max(length, gid.index + 1);
  length = std::clamp(port.gid_table_size.value_or(length), 0, largest_table);
  std::vector<Entry> table(static_cast<std::size_t>(length));
  for (const Gid& gid : port.gids) {
    if (gid.index < 0 || gid.index >= length) continue;
    table[static_cast<std::size_t>(gid.index)] = {bytes_of(gid.gid), roce_version_of(gid.type)};
  }
  return table;
}

/// The loop of ncclIbGetGidIndex with the two rules of ncclUpdateGidIndex.
int search(const std::vector<Entry>& table, Family family, const Range& range, std::int64_t roce_version) {
  std::size_t current = 0;
  for (std::size_t i = 1; i < table.size(); ++i) {
    const Entry& now = table[current];
    const Entry& candidate = table[i];
    const Family candidate_family = family_of(candidate.raw);
    const bool wanted = candidate_family == family && in_range(range, family, candidate.raw);
    if (!wanted) continue;
    if (candidate_family != family_of(now.raw)) {
      current = i;
      continue;
    }
    const bool better = now.roce_version != candidate.roce_version || !is_valid(now.raw);
    if (is_valid(candidate.raw) && better && candidate.roce_version == roce_version) current = i;
  }
  return static_cast<int>(current);
}

const Gid* gid_at(const Port& port, int index) {
  const auto found =
      std::find_if(port.gids.begin(), port.gids.end(), [&](const Gid& gid) { return gid.index == index; });
  return found == port.gids.end() ? nullptr : &*found;
}

void describe_entry(GidChoice& choice, const Port& port) {
  const Gid* gid = gid_at(port, choice.index);
  if (gid == nullptr) return;
  choice.gid = gid->gid;
  choice.type = gid->type.value_or("");
}

/// What is wrong with this entry for RoCE v2; empty: nothing.
std::string defect_of(const GidChoice& choice, const Port& port) {
  const Gid* gid = gid_at(port, choice.index);
  if (gid == nullptr || is_zero(bytes_of(gid->gid))) {
    return "that slot of the GID table is empty, and connecting with it fails";
  }
  const int version = roce_version_of(gid->type);
  if (is_link_local(bytes_of(gid->gid))) {
    return fmt::format("it is link-local{}, and connecting with it fails", version == 1 ? " and RoCE v1" : "");
  }
  if (version == 1) return "it is RoCE v1";
  if (version == -1) return gid->type ? "its type is neither RoCE v1 nor v2" : "its type could not be read";
  return "";
}

bool is_infiniband(const Port& port) { return port.link_layer.is("InfiniBand"); }

GidChoice choose_infiniband(const facts::NodeFacts& node, const Port& port) {
  GidChoice choice;
  choice.usable = true;
  choice.why = "InfiniBand link layer: index 0";
  // A routable FLID stands in bytes 4 and 5 of the GID.
  const std::int64_t routable = integer_setting(node, "NCCL_IB_ROUTABLE_FLID_GID_INDEX", 1);
  if (routable >= 0 && routable < largest_table) {
    const Gid* gid = gid_at(port, static_cast<int>(routable));
    if (gid != nullptr) {
      const Bytes raw = bytes_of(gid->gid);
      if (raw[4] != 0 || raw[5] != 0) {
        choice.index = static_cast<int>(routable);
        choice.why = "InfiniBand link layer with a routable FLID";
      }
    }
  }
  describe_entry(choice, port);
  return choice;
}

}  // namespace

GidChoice choose_gid(const facts::NodeFacts& node, const Port& port) {
  if (is_infiniband(port)) return choose_infiniband(node, port);
  GidChoice choice;
  const std::int64_t pinned = integer_setting(node, "NCCL_IB_GID_INDEX", -1);
  if (pinned >= 0) {
    choice.pinned = true;
    choice.index = static_cast<int>(std::min<std::int64_t>(pinned, 1 << 30));
    choice.why = "pinned by " + describe_setting(*find_setting(node, "NCCL_IB_GID_INDEX"));
  } else {
    const bool ipv6 = setting(node, "NCCL_IB_ADDR_FAMILY") == "AF_INET6";
    const Family family = ipv6 ? Family::inet6 : Family::inet;
    const std::int64_t version = integer_setting(node, "NCCL_IB_ROCE_VERSION_NUM", 2);
    const Range range = wanted_range(node, family);
    choice.index = search(table_of(port), family, range, version);
    const Gid* gid = gid_at(port, choice.index);
    const bool found = gid != nullptr && family_of(bytes_of(gid->gid)) == family && is_valid(bytes_of(gid->gid)) &&
                       in_range(range, family, bytes_of(gid->gid));
    const std::string wanted =
        fmt::format("{} GID{}", ipv6 ? "IPv6" : "IPv4-mapped", range.length != 0 ? " in NCCL_IB_ADDR_RANGE" : "");
    choice.why = found ? fmt::format("NCCL's search for a RoCE v{} {} ends here", version, wanted)
                       : fmt::format("the port has no {}: index {} stays", wanted, choice.index);
  }
  describe_entry(choice, port);
  const std::string defect = defect_of(choice, port);
  choice.usable = defect.empty();
  if (!choice.usable) choice.why += "; " + defect;
  return choice;
}

}  // namespace rocekit::derived::nccl
