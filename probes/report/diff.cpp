#include "probes/report/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>

#include "probes/derived/nccl_choice.h"
#include "probes/facts/field_kind.h"
#include "probes/facts/variables.h"

namespace rocekit::report {
namespace {

using facts::Fact;
using facts::Missing;
using facts::Why;

// ---- what each difference means ----

struct Rule {
  std::string_view pattern;  ///< path without keys; "*" at the end matches any rest
  Weight weight;
  std::string_view why;
};

constexpr const char* why_device =
    "a device that one side lacks carries nothing there: the other side waits for it or falls back";
constexpr const char* why_access = "without its device node, a process falls back to TCP sockets";
constexpr const char* why_lossless = "pause and priorities work only when both ends of a link have them";
constexpr const char* why_settings =
    "NCCL's settings must agree on all nodes: they choose transport, devices and protocol, and a mix hangs or is slow";

/// The first that matches decides; what no rule names is noted.
constexpr std::array rules{
    Rule{"infiniband_class", Weight::matters, "one side has no RDMA driver loaded"},
    Rule{"devices[]", Weight::matters, why_device},
    Rule{"devices[].kind", Weight::matters, "RoCE, Soft-RoCE, InfiniBand and iWARP do not talk to each other alike"},
    Rule{"devices[].uverbs", Weight::matters, why_access},
    Rule{"devices[].uverbs.openable", Weight::matters, why_access},
    Rule{"devices[].ports[]", Weight::matters, why_device},
    Rule{"devices[].ports[].state", Weight::matters, "a port that is not ACTIVE carries nothing"},
    Rule{"devices[].ports[].link_layer", Weight::matters, "Ethernet and InfiniBand ports do not talk to each other"},
    Rule{"devices[].ports[].rate_gbit_s", Weight::matters, "the slower end bounds every transfer between the two"},
    Rule{"devices[].ports[].active_mtu", Weight::matters, "NCCL takes the smaller path MTU of both ends"},
    Rule{"devices[].ports[].ipv4_gid", Weight::matters,
         "without a RoCE v2 GID of an IPv4 address NCCL takes a link-local one, and connecting fails"},
    Rule{"devices[].ports[].ipv4_gid.index", Weight::noted, ""},
    Rule{"devices[].pci.bandwidth_gbit_s", Weight::matters,
         "the narrower PCIe path bounds every transfer of that device"},
    Rule{"devices[].ports[].gids", Weight::expected, ""},
    Rule{"devices[].ports[].counters", Weight::expected, ""},
    Rule{"devices[].ports[].hw_counters", Weight::expected, ""},
    Rule{"devices[].node_guid", Weight::expected, ""},
    Rule{"devices[].sys_image_guid", Weight::expected, ""},
    Rule{"devices[].pci.iommu_group", Weight::expected, ""},

    Rule{"rdma_netdevs[]", Weight::matters, "the RDMA device's netdev is visible on one side only"},
    Rule{"rdma_netdevs[].mtu", Weight::matters,
         "frames above the smaller MTU are dropped, and its RDMA path MTU shrinks with it: large messages fail or slow "
         "down"},
    Rule{"rdma_netdevs[].max_mtu", Weight::noted, ""},
    Rule{"rdma_netdevs[].admin_up", Weight::matters, "a netdev that is set down carries nothing"},
    Rule{"rdma_netdevs[].carrier", Weight::matters, "without carrier a netdev carries nothing"},
    Rule{"rdma_netdevs[].fec.active", Weight::matters, "both ends of a link must use the same error correction"},
    Rule{"rdma_netdevs[].pause.rx", Weight::matters, why_lossless},
    Rule{"rdma_netdevs[].pause.tx", Weight::matters, why_lossless},
    Rule{"rdma_netdevs[].qos.pfc_priorities", Weight::matters, why_lossless},
    Rule{"rdma_netdevs[].qos.trust", Weight::matters, "the two ends sort the same packets into different priorities"},
    Rule{"rdma_netdevs[].addresses", Weight::expected, ""},
    Rule{"rdma_netdevs[].ifindex", Weight::expected, ""},
    Rule{"rdma_netdevs[].mac", Weight::expected, ""},
    Rule{"rdma_netdevs[].carrier_changes", Weight::expected, ""},
    Rule{"rdma_netdevs[].statistics", Weight::expected, ""},
    Rule{"rdma_netdevs[].phys_switch_id", Weight::expected, ""},
    Rule{"rdma_netdevs[].module.serial", Weight::expected, ""},
    Rule{"rdma_netdevs[].persistent[].addresses", Weight::expected, ""},
    Rule{"netdevs*", Weight::expected, ""},
    Rule{"routes*", Weight::expected, ""},

    Rule{"host.hostname", Weight::expected, ""},
    Rule{"host.cma_free_bytes", Weight::expected, ""},
    Rule{"host.memory_total_bytes", Weight::expected, ""},
    Rule{"host.libibverbs", Weight::matters, "without libibverbs NCCL falls back to TCP sockets"},
    Rule{"host.nccl_libraries[]", Weight::matters, "NCCL is found on one side only"},
    Rule{"host.nccl_libraries[].version", Weight::matters,
         "different NCCL builds hang or break off in bootstrap: use the same image on all nodes"},

    Rule{"process.memlock", Weight::matters, "memory registration fails where the limit is lower"},
    Rule{"process.memlock.soft_bytes", Weight::matters, "memory registration fails where the limit is lower"},
    Rule{"process.rdma_cm_openable", Weight::matters, "librdmacm cannot connect where rdma_cm is not there"},
    Rule{"process.settings[]", Weight::matters, why_settings},

    Rule{"nccl.net", Weight::matters, "one side will carry NCCL's traffic over another network: it hangs or crawls"},
    Rule{"nccl.hcas", Weight::matters,
         "NCCL pairs devices in order: different lists cross the rails or leave one idle"},
};

bool matches(const Rule& rule, std::string_view pattern) {
  if (!rule.pattern.empty() && rule.pattern.back() == '*') {
    return pattern.substr(0, rule.pattern.size() - 1) == rule.pattern.substr(0, rule.pattern.size() - 1);
  }
  return rule.pattern == pattern;
}

struct Judgement {
  Weight weight = Weight::noted;
  std::string_view why;
  std::size_t order = rules.size();  ///< of the rule, so that differences of one kind stand together
};

Judgement judgement_for(std::string_view pattern) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (matches(rules[i], pattern)) return {rules[i].weight, rules[i].why, i};
  }
  return {};
}

// ---- a node as a flat list ----

struct Leaf {
  std::string pattern;
  std::string element;  ///< the nearest list element or optional struct that this stands in; empty: the node
  std::string text;
  std::optional<Missing> missing;
  std::string setting;             ///< name, inside process.settings
  std::vector<std::string> items;  ///< of a list
};

using Leaves = std::map<std::string, Leaf>;

using facts::IsFact;
using facts::IsMap;
using facts::IsOptional;
using facts::IsVector;

std::string words_of(const std::string& value) { return value.empty() ? "\"\"" : value; }
std::string words_of(bool value) { return value ? "yes" : "no"; }
std::string words_of(facts::DeviceKind kind) { return facts::to_string(kind); }
template <class T>
requires(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) std::string words_of(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    return fmt::format("{:.5g}", value);
  } else {
    return fmt::format("{}", value);
  }
}

std::string words_of(const Missing& missing) {
  switch (missing.why) {
    case Why::absent:
      return "none";
    case Why::not_supported:
      return "not supported";
    case Why::permission:
      return "no permission";
    case Why::not_read:
    case Why::malformed:
    case Why::failed:
      break;
  }
  return fmt::format("not read ({})", to_string(missing.why));
}

std::string key_of(const facts::Device& item, std::size_t) { return item.name; }
std::string key_of(const facts::Netdev& item, std::size_t) { return item.name; }
std::string key_of(const facts::Setting& item, std::size_t) { return item.name; }
std::string key_of(const facts::Port& item, std::size_t) { return std::to_string(item.number); }
std::string key_of(const facts::PersistentConfig& item, std::size_t) { return item.file; }
std::string key_of(const facts::DeviceCores& item, std::size_t) { return item.device; }
std::string key_of(const facts::Proximity& item, std::size_t) { return item.device + " " + item.gpu; }
template <class T>
std::string key_of(const T&, std::size_t index) {
  return std::to_string(index);
}

class Flattener {
 public:
  explicit Flattener(Leaves& leaves) : leaves_(leaves) {}

  struct Position {
    std::string path;
    std::string pattern;
    std::string element;
    std::string setting;

    Position member(std::string_view name) const {
      Position next = *this;
      const std::string_view dot = path.empty() ? "" : ".";
      next.path += fmt::format("{}{}", dot, name);
      next.pattern += fmt::format("{}{}", dot, name);
      return next;
    }
    Position item(std::string_view key) const {
      Position next = *this;
      next.path += fmt::format("[{}]", key);
      next.pattern += "[]";
      return next;
    }
  };

  template <class T>
  void add(const T& value, Position at) {
    if constexpr (IsFact<T>::value) {
      if (value) {
        add(value.value(), std::move(at));
      } else {
        put(at, {}, value.missing());
      }
    } else if constexpr (IsOptional<T>::value) {
      if (value) {
        add(*value, std::move(at));
      } else {
        put(at, "none");
      }
    } else if constexpr (std::is_same_v<T, facts::Counters> || std::is_same_v<T, std::vector<facts::Gid>> ||
                         std::is_same_v<T, std::vector<facts::Address>>) {
      put_whole(value, at);
    } else if constexpr (IsVector<T>::value) {
      add_list(value, at);
    } else if constexpr (IsMap<T>::value) {
      for (const auto& [key, item] : value) add(item, at.item(key));
    } else if constexpr (std::is_class_v<T> && !std::is_same_v<T, std::string>) {
      add_struct(value, std::move(at));
    } else {
      put(at, words_of(value));
    }
  }

  void put(const Position& at, std::string text, std::optional<Missing> missing = std::nullopt) {
    if (missing) text = words_of(*missing);
    leaves_[at.path] = {at.pattern, at.element, std::move(text), std::move(missing), at.setting, {}};
  }

 private:
  template <class T>
  void add_struct(const T& value, Position at) {
    std::string text = "there";
    if constexpr (std::is_same_v<T, facts::Netdev>) {
      if (value.rdma_device) at.pattern = "rdma_netdevs[]";
    }
    if constexpr (std::is_same_v<T, facts::Setting>) {
      at.setting = value.name;
      text = words_of(value.value);
    }
    if (!at.path.empty()) {
      put(at, std::move(text));
      at.element = at.path;
    }
    describe(value, [&](const char* name, const auto& field) {
      const std::string_view field_name = name;
      // The environment's variables are among the settings, with those of conf files.
      if (field_name == "nccl_env") return;
      // A process that was named with --pid is a matter of its own, and NCCL's choice is compared for the node.
      if (field_name == "serving") return;
      // The key of the element; a second copy of a difference in presence.
      if (field_name == "name" && !std::is_same_v<T, facts::Gpu>) return;
      if (field_name == "value" && std::is_same_v<T, facts::Setting>) return;
      add(field, at.member(field_name));
    });
    if constexpr (std::is_same_v<T, facts::Port>) add_ipv4_gid(value, at);
  }

  void add_ipv4_gid(const facts::Port& port, const Position& at) {
    const Position gid = at.member("ipv4_gid");
    for (const facts::Gid& candidate : port.gids) {
      if (!candidate.ipv4 || !candidate.type.is("RoCE v2")) continue;
      put(gid, "there");
      Position index = gid.member("index");
      index.element = gid.path;
      put(index, std::to_string(candidate.index));
      return;
    }
  }

  template <class T>
  void add_list(const std::vector<T>& list, const Position& at) {
    if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      std::vector<std::string> words;
      for (const auto& item : list) words.push_back(words_of(item));
      put(at, words.empty() ? "none" : fmt::format("{}", fmt::join(words, ", ")));
      leaves_[at.path].items = std::move(words);
    } else {
      for (std::size_t i = 0; i < list.size(); ++i) add(list[i], at.item(key_of(list[i], i)));
    }
  }

  /// One leaf for a whole table that differs on any two machines; its text only tells tables apart.
  template <class T>
  void put_whole(const T& table, const Position& at) {
    std::string text;
    if constexpr (std::is_same_v<T, facts::Counters>) {
      for (const auto& [name, value] : table) text += fmt::format("{}={} ", name, value);
    } else if constexpr (std::is_same_v<T, std::vector<facts::Gid>>) {
      for (const facts::Gid& gid : table) text += gid.gid + " ";
    } else {
      for (const facts::Address& address : table) text += fmt::format("{}/{} ", address.ip, address.prefix_length);
    }
    if (!text.empty()) text.pop_back();
    put(at, text.empty() ? "none" : text);
  }

  Leaves& leaves_;
};

Leaves leaves_of(const facts::NodeFacts& node) {
  Leaves leaves;
  Flattener flattener(leaves);
  flattener.add(node, {});
  const derived::NcclChoice choice = derived::predict_nccl(node);
  flattener.put({"nccl.net", "nccl.net", "", ""}, choice.net);
  flattener.put({"nccl.hcas", "nccl.hcas", "", ""},
                choice.hcas.empty() ? "none" : fmt::format("{}", fmt::join(choice.hcas, ", ")));
  flattener.put({"nccl.bootstrap", "nccl.bootstrap", "", ""},
                choice.socket_ifnames.empty() ? "none" : choice.socket_ifnames.front());
  return leaves;
}

// ---- comparison ----

/// The question was not answered, so that nothing is known; "no such thing" and "not supported" are answers.
bool unanswered(const Leaf* leaf) {
  if (leaf == nullptr || !leaf->missing) return false;
  // For these, being refused is the very thing that is asked.
  if (leaf->pattern == "devices[].uverbs.openable" || leaf->pattern == "process.rdma_cm_openable") {
    return leaf->missing->why == Why::not_read;
  }
  return leaf->missing->why != Why::absent && leaf->missing->why != Why::not_supported;
}

bool same(const Leaf* a, const Leaf* b) { return a != nullptr && b != nullptr && a->text == b->text; }

/// The element that a leaf stands in is absent on the other side, which is said once, for the element.
bool inside_absent_element(const Leaf& leaf, const Leaves& other) {
  if (leaf.element.empty()) return false;
  const auto element = other.find(leaf.element);
  return element == other.end() || element->second.missing || element->second.text == "none";
}

bool pinned_gid_index(const facts::NodeFacts& node) { return derived::setting(node, "NCCL_IB_GID_INDEX").has_value(); }

/// What only an open device tells: explained by its device node, which is compared by itself.
bool follows_from_access(const std::string& path, const Leaf* leaf, const Leaves& leaves) {
  if (leaf == nullptr || !leaf->missing) return false;
  constexpr std::array told_by_verbs{"devices[].ports[].active_mtu", "devices[].ports[].max_mtu", "devices[].vendor_id",
                                     "devices[].vendor_part_id"};
  if (std::find(told_by_verbs.begin(), told_by_verbs.end(), leaf->pattern) == told_by_verbs.end()) return false;
  const std::string device = path.substr(0, path.find(']') + 1);
  for (const char* access : {".uverbs", ".uverbs.openable"}) {
    const auto found = leaves.find(device + access);
    if (found != leaves.end() && found->second.missing) return true;
  }
  return false;
}

Judgement weigh(const Leaf& leaf, bool unknown, bool pinned) {
  Judgement judgement = judgement_for(leaf.pattern);
  if (!leaf.setting.empty()) {
    const bool of_nccl = leaf.setting.rfind("NCCL_", 0) == 0;
    if (facts::is_setting_of_one_node(leaf.setting)) {
      judgement = {Weight::expected, "", judgement.order};
    } else if (!of_nccl && judgement.weight == Weight::matters) {
      judgement = {Weight::noted, "", judgement.order};
    }
  }
  if (pinned && leaf.pattern == "devices[].ports[].ipv4_gid.index") {
    judgement.weight = Weight::matters;
    judgement.why = "NCCL_IB_GID_INDEX is set, and one number cannot be right for both: leave it unset";
  }
  if (unknown && judgement.weight == Weight::matters) judgement.weight = Weight::not_compared;
  return judgement;
}

/// Of two lists, what only the first holds.
std::string only_in(const std::vector<std::string>& list, const std::vector<std::string>& other) {
  std::vector<std::string> own;
  for (const std::string& item : list) {
    if (std::find(other.begin(), other.end(), item) == other.end()) own.push_back(item);
  }
  return own.empty() ? "none of its own" : fmt::format("only here: {}", fmt::join(own, ", "));
}

struct Weighed {
  Difference difference;
  std::size_t order;
};

}  // namespace

const char* to_string(Weight weight) {
  switch (weight) {
    case Weight::expected:
      return "expected";
    case Weight::noted:
      return "noted";
    case Weight::not_compared:
      return "not-compared";
    case Weight::matters:
      return "matters";
  }
  return "noted";
}

std::vector<Difference> compare(const facts::NodeFacts& a, const facts::NodeFacts& b) {
  const Leaves leaves_a = leaves_of(a);
  const Leaves leaves_b = leaves_of(b);
  std::set<std::string> paths;
  for (const auto& [path, leaf] : leaves_a) paths.insert(path);
  for (const auto& [path, leaf] : leaves_b) paths.insert(path);
  const bool pinned = pinned_gid_index(a) || pinned_gid_index(b);

  std::vector<Weighed> found;
  for (const std::string& path : paths) {
    const auto in_a = leaves_a.find(path);
    const auto in_b = leaves_b.find(path);
    const Leaf* leaf_a = in_a == leaves_a.end() ? nullptr : &in_a->second;
    const Leaf* leaf_b = in_b == leaves_b.end() ? nullptr : &in_b->second;
    const bool unknown = unanswered(leaf_a) || unanswered(leaf_b);
    if (!unknown && same(leaf_a, leaf_b)) continue;
    if (leaf_a == nullptr && inside_absent_element(*leaf_b, leaves_a)) continue;
    if (leaf_b == nullptr && inside_absent_element(*leaf_a, leaves_b)) continue;
    if (follows_from_access(path, leaf_a, leaves_a) || follows_from_access(path, leaf_b, leaves_b)) continue;
    const Judgement judgement = weigh(leaf_a != nullptr ? *leaf_a : *leaf_b, unknown, pinned);
    // Not read on both sides is worth a word only where it would matter.
    if (same(leaf_a, leaf_b) && judgement.weight != Weight::not_compared) continue;
    Difference difference{path, leaf_a == nullptr ? "none" : leaf_a->text, leaf_b == nullptr ? "none" : leaf_b->text,
                          judgement.weight, std::string(judgement.why)};
    constexpr std::size_t many = 4;
    if (leaf_a != nullptr && leaf_b != nullptr && leaf_a->items.size() + leaf_b->items.size() > many &&
        !leaf_a->items.empty() && !leaf_b->items.empty()) {
      difference.a = only_in(leaf_a->items, leaf_b->items);
      difference.b = only_in(leaf_b->items, leaf_a->items);
    }
    found.push_back({std::move(difference), judgement.order});
  }
  std::stable_sort(found.begin(), found.end(), [](const Weighed& x, const Weighed& y) {
    return std::pair(-static_cast<int>(x.difference.weight), x.order) <
           std::pair(-static_cast<int>(y.difference.weight), y.order);
  });
  std::vector<Difference> differences;
  differences.reserve(found.size());
  for (Weighed& item : found) differences.push_back(std::move(item.difference));
  return differences;
}

Weight heaviest(const std::vector<Difference>& differences) {
  return differences.empty() ? Weight::expected : differences.front().weight;
}

std::string name_of(const facts::NodeFacts& node, const std::string& source) {
  return node.host.hostname ? fmt::format("{} ({})", *node.host.hostname, source) : source;
}

}  // namespace rocekit::report
