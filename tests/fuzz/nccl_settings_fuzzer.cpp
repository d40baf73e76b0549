// A conf file of any content, and the prediction with whatever it sets: NCCL_IB_HCA, NCCL_IB_ADDR_RANGE, NCCL_COMM_ID,
// NCCL_SOCKET_IFNAME and the rest.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "probes/derived/nccl_choice.h"
#include "probes/facts/readers/nccl_settings.h"

namespace {

using namespace rocekit;

void require(bool holds) {
  if (!holds) std::abort();
}

facts::Gid gid(int index, const char* text, const char* type) {
  facts::Gid entry;
  entry.index = index;
  entry.gid = text;
  entry.type = std::string(type);
  return entry;
}

facts::NodeFacts small_node() {
  facts::NodeFacts node;
  facts::Device device;
  device.name = "mlx5_1";
  for (int number = 1; number <= 2; ++number) {
    facts::Port port;
    port.number = number;
    port.state = std::string("ACTIVE");
    port.link_layer = std::string(number == 1 ? "Ethernet" : "InfiniBand");
    port.gid_table_size = 8;
    port.gids = {gid(0, "fe80::1", "IB/RoCE v1"), gid(2, "::ffff:192.168.100.10", "IB/RoCE v1"),
                 gid(3, "::ffff:192.168.100.10", "RoCE v2"), gid(5, "fd00::5", "RoCE v2"), gid(6, "no gid", "RoCE v2")};
    device.ports.push_back(port);
  }
  node.devices = {device};
  facts::Netdev netdev;
  netdev.name = "eth0";
  netdev.running = true;
  netdev.addresses =
      std::vector<facts::Address>{{"inet", "192.168.100.10", 24, "global"}, {"inet6", "fe80::1", 64, "link"}};
  node.netdevs = {netdev};
  return node;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  facts::NodeFacts node = small_node();
  node.process.settings = facts::readers::parse_nccl_conf(text, "conf");
  for (const facts::Setting& setting : node.process.settings) {
    require(!setting.name.empty() && setting.name.size() <= 1023 && setting.value.size() <= 1023);
    require(setting.name.find_first_of("=\n") == std::string::npos && setting.value.find('\n') == std::string::npos);
  }
  const derived::NcclChoice choice = derived::predict_nccl(node);
  require(choice.hcas.size() == choice.gids.size() && choice.hcas.size() + choice.rejected.size() <= 2);
  require(choice.falls_back_to_socket == (choice.net == "Socket"));
  require(!choice.net.empty() && !choice.why.empty());

  const auto filter = derived::NameFilter::parse(text, 16);
  require(filter.entries.size() <= 16);
  derived::NameFilter inverted = filter;
  inverted.exclude = !filter.exclude;
  require(filter.accepts("mlx5_1", 1) != inverted.accepts("mlx5_1", 1));
  return 0;
}
