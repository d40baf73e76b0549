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

void read_gids(const FileTree& tree, const std::string& directory, const Fact<std::vector<int>>& valid_indexes,
               Port& port) {
  const Fact<std::vector<std::string>> names = list_names(tree, directory + "/gids");
  if (!names) {
    port.gid_table_size = names.missing();
    return;
  }
  std::vector<int> indices;
  for (const std::string& name : *names) {
    if (const auto index = parse_unsigned(name); index && *index < 65536) indices.push_back(static_cast<int>(*index));
  }
  std::sort(indices.begin(), indices.end());
  port.gid_table_size = static_cast<int>(indices.size());

  // Hundreds of empty slots need not be opened one by one where libibverbs told which are not empty.
  for (const int index : valid_indexes.value_or(indices)) {
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
