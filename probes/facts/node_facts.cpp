#include "probes/facts/node_facts.h"

#include <algorithm>
#include <array>

namespace rocekit::facts {
namespace {

struct KindWord {
  DeviceKind kind;
  const char* text;
};
constexpr std::array kind_words{
    KindWord{DeviceKind::roce, "roce"},
    KindWord{DeviceKind::soft_roce, "soft-roce"},
    KindWord{DeviceKind::infiniband, "infiniband"},
    KindWord{DeviceKind::iwarp, "iwarp"},
    KindWord{DeviceKind::omni_path, "omni-path"},
    KindWord{DeviceKind::unknown, "unknown"},
};

template <class List>
auto* find_named(List& list, std::string_view name) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const auto& item) { return item.name == name; });
  return found == list.end() ? nullptr : &*found;
}

}  // namespace

const char* to_string(DeviceKind kind) {
  for (const KindWord& word : kind_words) {
    if (word.kind == kind) return word.text;
  }
  return "unknown";
}

std::optional<DeviceKind> device_kind_from_string(std::string_view text) {
  for (const KindWord& word : kind_words) {
    if (text == word.text) return word.kind;
  }
  return std::nullopt;
}

const Netdev* NodeFacts::find_netdev(std::string_view name) const { return find_named(netdevs, name); }
const Device* NodeFacts::find_device(std::string_view name) const { return find_named(devices, name); }

}  // namespace rocekit::facts
