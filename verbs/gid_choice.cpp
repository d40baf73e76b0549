#include "verbs/gid_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "verbs/error.h"

namespace rocekit::verbs {
namespace {

constexpr std::array<std::uint8_t, 12> ipv4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::string text_of(const std::array<std::uint8_t, 16>& gid) {
  if (const auto ipv4 = ipv4_of(gid)) return *ipv4;
  std::string text;
  for (std::size_t i = 0; i < gid.size(); i += 2) {
    text += fmt::format("{}{:02x}{:02x}", i == 0 ? "" : ":", gid[i], gid[i + 1]);
  }
  return text;
}

std::string list_of(std::span<const GidEntry> entries) {
  if (entries.empty()) return "it has none";
  std::string text = "it has";
  for (const GidEntry& entry : entries) {
    text += fmt::format("{} {} ({})", &entry == &entries.front() ? "" : ",", entry.index, describe(entry));
  }
  return text;
}

}  // namespace

std::optional<std::string> ipv4_of(const std::array<std::uint8_t, 16>& gid) {
  if (!std::equal(ipv4_prefix.begin(), ipv4_prefix.end(), gid.begin())) return std::nullopt;
  return fmt::format("{}.{}.{}.{}", gid[12], gid[13], gid[14], gid[15]);
}

std::string describe(const GidEntry& entry) {
  const char* const type = entry.type == GidEntry::Type::roce_v2   ? "RoCE v2"
                           : entry.type == GidEntry::Type::roce_v1 ? "RoCE v1"
                                                                   : "InfiniBand";
  return fmt::format("{}, {}", type, text_of(entry.gid));
}

GidEntry choose_gid(std::span<const GidEntry> entries, const GidRequest& request) {
  if (request.index) {
    if (*request.index < 0 || *request.index >= request.table_size) {
      throw InputError(fmt::format("--gid-index {}: {} has GID indexes 0 to {}", *request.index, request.port,
                                   request.table_size - 1));
    }
    const auto entry = std::find_if(entries.begin(), entries.end(),
                                    [&](const GidEntry& candidate) { return candidate.index == *request.index; });
    if (entry == entries.end()) {
      throw InputError(
          fmt::format("--gid-index {}: that entry of {} is empty ({}); without the option it is chosen by "
                      "type and address",
                      *request.index, request.port, list_of(entries)));
    }
    return *entry;
  }
  if (!request.ethernet) {
    if (entries.empty()) throw TransportError({"ibv_query_gid_table", request.port, {}, {}}, 0, "the port has no GID");
    return entries.front();
  }
  const GidEntry* best = nullptr;
  for (const GidEntry& entry : entries) {
    const auto ipv4 = ipv4_of(entry.gid);
    if (entry.type != GidEntry::Type::roce_v2 || !ipv4 || (!request.ip.empty() && *ipv4 != request.ip)) continue;
    if (best == nullptr || entry.index < best->index) best = &entry;
  }
  if (best == nullptr) {
    throw TransportError({"choosing a GID", request.port, {}, request.ip.empty() ? "ROCE-NET-001" : "ROCE-GID-001"}, 0,
                         request.ip.empty() ? fmt::format("no RoCE v2 GID with an IPv4 address: {}", list_of(entries))
                                            : fmt::format("no RoCE v2 GID for {}: {}", request.ip, list_of(entries)));
  }
  return *best;
}

}  // namespace rocekit::verbs
