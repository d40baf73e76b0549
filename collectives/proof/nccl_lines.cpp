#include "collectives/proof/nccl_lines.h"

#include <algorithm>

#include "collectives/proof/cursor.h"
#include "core/text/utf8.h"

namespace rocekit::proof {
namespace {

/// "3[0]" and "3[1a000]": rank and device (or bus ID).
bool take_rank(Cursor& cursor) {
  return cursor.number<int>() && cursor.take("[") && cursor.number<std::uint64_t>(16) && cursor.take("]");
}

/// "IB/0/GDRDMA(PCI)/Shared", "IB/0(3)/GDRDMA", "AWS Libfabric/1": name and device, then words of no blanks.
std::optional<Channel> read_network(Cursor cursor, ChannelUse::Way way) {
  const auto name = cursor.until("/");
  if (!name || name->empty() || name->size() > 100 || !cursor.take("/")) return std::nullopt;
  const std::optional<int> device = cursor.number<int>();
  if (!device || *device < 0) return std::nullopt;
  if (cursor.take("(") && !(cursor.number<int>() && cursor.take(")"))) return std::nullopt;
  const std::string_view flags = cursor.until_or_end(" ");
  if (!flags.empty() && flags.front() != '/' && flags.front() != '(') return std::nullopt;
  Channel channel;
  channel.use.way = way;
  channel.use.name = shown(*name);
  channel.use.device = *device;
  channel.gpu_direct = flags.find("/GDRDMA") != std::string_view::npos;
  return channel;
}

/// What stands behind "via".
std::optional<Channel> read_way(Cursor cursor) {
  if (cursor.take("NET/")) return read_network(cursor, ChannelUse::Way::net);
  if (cursor.take("COLLNET/")) return read_network(cursor, ChannelUse::Way::collnet);
  Channel channel;
  channel.use.way = ChannelUse::Way::p2p;
  for (const char* kind : {"CUMEM", "IPC", "direct pointer", "indirect"}) {
    if (Cursor p2p = cursor; p2p.take("P2P/") && p2p.take(kind)) {
      channel.use.name = kind;
      return channel;
    }
  }
  channel.use.way = ChannelUse::Way::shm;
  if (cursor.take("direct shared memory")) {
    channel.use.name = "direct";
    return channel;
  }
  if (!cursor.take("SHM/")) return std::nullopt;
  const std::string_view name = cursor.until_or_end("/ ");
  if (name != "direct" && name != "CE") return std::nullopt;
  channel.use.name = std::string(name);
  return channel;
}

}  // namespace

std::string shown(std::string_view text) {
  constexpr std::size_t longest = 300;
  return text::shortened(text::printable(text.substr(0, longest)), longest);
}

void add_once(std::vector<NetDevice>& list, NetDevice device) {
  if (list.size() < most_entries && std::find(list.begin(), list.end(), device) == list.end()) {
    list.push_back(std::move(device));
  }
}

std::optional<Channel> read_channel(std::string_view text) {
  Cursor cursor(text);
  if (!cursor.number<int>()) return std::nullopt;
  if (cursor.take("/") && !cursor.number<int>()) return std::nullopt;
  if (!cursor.take(" : ") || !take_rank(cursor) || !cursor.take(" -> ") || !take_rank(cursor)) return std::nullopt;
  if (cursor.take(" [")) {
    const auto direction = cursor.until("]");
    if (direction != "send" && direction != "receive") return std::nullopt;
    cursor.take("]");
  }
  if (!cursor.take(" via ")) return std::nullopt;
  return read_way(cursor);
}

void read_ib_devices(std::string_view list, std::vector<NetDevice>& devices) {
  Cursor cursor(list.substr(0, list.find(';')));
  while (cursor.until("[")) {
    cursor.take("[");
    NetDevice device;
    const std::optional<int> index = cursor.number<int>();
    if (!index || !cursor.take("]")) continue;  // "[RO]"
    if (cursor.take("={")) continue;            // a merged device lists its parts the same way
    cursor.skip_blanks();
    const auto name = cursor.until(":");
    if (!name || name->empty() || !cursor.take(":")) return;
    const std::optional<int> port = cursor.number<int>();
    if (!port || *port < 1 || !cursor.take("/")) return;
    device.index = *index;
    device.name = shown(*name);
    device.port = *port;
    device.link_layer = shown(cursor.until_or_end(" ,}/["));
    add_once(devices, std::move(device));
  }
}

void read_interfaces(std::string_view list, std::vector<NetDevice>& interfaces) {
  Cursor cursor(list);
  while (cursor.until("[")) {
    cursor.take("[");
    NetDevice device;
    const std::optional<int> index = cursor.number<int>();
    if (!index || !cursor.take("]")) continue;
    const auto name = cursor.until(":");
    if (!name || name->empty()) return;
    cursor.take(":");
    const auto address = cursor.until("<");
    if (!address) return;
    device.index = *index;
    device.name = shown(*name);
    device.address = shown(*address);
    add_once(interfaces, std::move(device));
  }
}

}  // namespace rocekit::proof
