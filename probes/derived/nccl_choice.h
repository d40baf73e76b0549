// What NCCL will choose on this node, predicted as NCCL 2.28.9 codes it (differences of other versions named).
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "probes/facts/node_facts.h"

namespace rocekit::derived {

/// The GID index that NCCL would use on one port.
struct GidChoice {
  int index = 0;
  std::string gid;  ///< empty: the slot is empty
  std::string type;
  bool pinned = false;  ///< NCCL_IB_GID_INDEX
  bool usable = false;  ///< RoCE v2 and neither zero nor link-local (InfiniBand: index 0)
  std::string why;
  friend bool operator==(const GidChoice&, const GidChoice&) = default;
};

/// A device port that NCCL looked at and did not take.
struct Rejected {
  std::string device;
  int port = 1;
  std::string why;  ///< "port is DOWN", "not named by NCCL_IB_HCA", "uverbs0 cannot be opened: ..."
  friend bool operator==(const Rejected&, const Rejected&) = default;
};

struct NcclChoice {
  std::vector<std::string> hcas;  ///< "rocep1s0f0:1" in NCCL's order
  std::vector<Rejected> rejected;
  std::map<std::string, GidChoice> gids;    ///< by "device:port"
  std::vector<std::string> socket_ifnames;  ///< interfaces in NCCL's order; the first carries bootstrap and out-of-band
  std::string socket_why;                   ///< which rule chose them
  std::string net;                          ///< "IB", "Socket", a plugin's name, or "none" (init fails)
  bool falls_back_to_socket = false;        ///< RDMA was possible or wanted, and sockets will carry the traffic
  std::string why;                          ///< one sentence for `net`
  friend bool operator==(const NcclChoice&, const NcclChoice&) = default;
};

NcclChoice predict_nccl(const facts::NodeFacts& node);

/// One entry of NCCL_IB_HCA or NCCL_SOCKET_IFNAME.
struct FilterEntry {
  std::string name;
  std::optional<int> port;
};

/// `[^][=]name[:port],...`, parsed as NCCL's parseStringList does: entries beyond `limit` are dropped (32 for
/// NCCL_IB_HCA, 16 for NCCL_SOCKET_IFNAME), blanks belong to the name, a port that is no number is 0 and matches none.
struct NameFilter {
  bool exclude = false;
  bool exact = false;
  std::vector<FilterEntry> entries;
  static NameFilter parse(std::string_view text, std::size_t limit = 32);
  /// True when no entries, or an entry matches (prefix unless exact), inverted by `exclude`: "^" alone excludes all.
  bool accepts(std::string_view name, std::optional<int> port = std::nullopt) const;
  /// Whether this one entry matches, before `exclude`.
  bool matches(const FilterEntry& entry, std::string_view name, std::optional<int> port = std::nullopt) const;
};

/// The value in force, or nullopt. An empty value counts as unset, as NCCL's getParam has it.
std::optional<std::string> setting(const facts::NodeFacts& node, std::string_view name);
/// The setting with its source.
const facts::Setting* find_setting(const facts::NodeFacts& node, std::string_view name);

}  // namespace rocekit::derived
