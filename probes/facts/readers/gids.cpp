#include <fmt/format.h>

#include <algorithm>

#include "probes/facts/readers/ports.h"
#include "probes/facts/readers/values.h"

namespace rocekit::facts::readers {
namespace {

Fact<std::string> read_type(const FileTree& tree, const std::string& path, const Fact<std::string>& link_layer) {
  const Fact<std::string> text = tree.read(path);
  if (!text) return text;
  if (*text == "RoCE v2") return text;
  // One word for two things in the kernel (gid_type_str in drivers/infiniband/core/cache.c).
  if (*text == "IB/RoCE v1") {
    if (link_layer.is("InfiniBand")) return std::string("IB");
    if (link_layer.is("Ethernet")) return std::string("RoCE v1");
    return text;
  }
  return not_this(path, "a GID type such as RoCE v2", *text);
}

}  // namespace

namespace {

/// Every index of the table.
Fact<std::vector<int>> list_indices(const FileTree& tree, const std::string& directory) {
  const Fact<std::vector<std::string>> names = list_names(tree, directory + "/gids");
  if (!names) return names.missing();
  std::vector<int> indices;
  for (const std::string& name : *names) {
    if (const auto index = parse_unsigned(name); index && *index < 65536) indices.push_back(static_cast<int>(*index));
  }
  std::sort(indices.begin(), indices.end());
  return indices;
}

}  // namespace

void read_gids(const FileTree& tree, const std::string& directory, const Fact<int>& table_size,
               const Fact<std::vector<int>>& valid_indexes, Port& port) {
  // Hundreds of empty slots need be neither listed nor opened where libibverbs told which are not empty.
  Fact<std::vector<int>> indices = valid_indexes;
  port.gid_table_size = table_size;
  if (!valid_indexes || !table_size) {
    const Fact<std::vector<int>> listed = list_indices(tree, directory);
    if (!listed) {
      port.gid_table_size = listed.missing();
      return;
    }
    port.gid_table_size = static_cast<int>(listed->size());
    if (!indices) indices = listed;
  }
  for (const int index : *indices) {
    const std::string path = fmt::format("{}/gids/{}", directory, index);
    const Fact<std::string> text = tree.read(path);
    const auto bytes = text ? parse_gid(*text) : std::nullopt;
    if (!bytes) {
      // An entry without a value would look like an empty slot; the table as a whole is then not known.
      port.gid_table_size = text ? not_this(path, "a GID", *text) : text.missing();
      continue;
    }
    if (is_zero(*bytes)) continue;
    Gid gid;
    gid.index = index;
    gid.gid = *text;
    gid.type = read_type(tree, fmt::format("{}/gid_attrs/types/{}", directory, index), port.link_layer);
    gid.netdev = read_line(tree, fmt::format("{}/gid_attrs/ndevs/{}", directory, index));
    gid.ipv4 = mapped_ipv4(*bytes);
    port.gids.push_back(std::move(gid));
  }
}

}  // namespace rocekit::facts::readers
