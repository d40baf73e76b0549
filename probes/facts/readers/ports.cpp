#include "probes/facts/readers/ports.h"

#include <fmt/format.h>

#include <algorithm>

#include "probes/facts/readers/values.h"

namespace rocekit::facts::readers {
namespace {

Fact<std::string> read_numbered_word(const FileTree& tree, const std::string& path, const char* expected) {
  const Fact<std::string> text = tree.read(path);
  if (!text) return text;
  if (auto word = parse_numbered_word(*text)) return *word;
  return not_this(path, expected, *text);
}

Fact<Counters> read_counters(const FileTree& tree, const std::string& directory) {
  const Fact<std::vector<std::string>> names = list_names(tree, directory);
  if (!names) return names.missing();
  Counters counters;
  Missing reason{Why::absent, fmt::format("{}: empty", directory)};
  for (const std::string& name : *names) {
    // Not a counter: for how many milliseconds the kernel keeps the values.
    if (name == "lifespan") continue;
    const std::string path = directory + "/" + name;
    const Fact<std::string> text = tree.read(path);
    if (!text) {
      reason = text.missing();
    } else if (const auto value = parse_unsigned(*text)) {
      counters[name] = *value;
    } else {
      reason = not_this(path, "a number", *text);
    }
  }
  if (counters.empty()) return reason;
  return counters;
}

/// Among the netdevs of the PCI function, the one of this port.
Fact<std::string> netdev_of_function(const FileTree& tree, const std::string& device_directory, int port) {
  const std::string directory = device_directory + "/device/net";
  const Fact<std::vector<std::string>> names = list_names(tree, directory);
  if (!names) return names.missing();
  if (names->size() == 1) return names->front();
  std::vector<std::string> candidates;
  for (const std::string& name : *names) {
    if (read_int(tree, fmt::format("{}/{}/dev_port", directory, name)).is(port - 1)) candidates.push_back(name);
  }
  if (candidates.size() > 1) {
    // Representors of virtual functions stand beside the uplink, which alone is called "p0".
    const auto is_representor = [&](const std::string& name) {
      const Fact<std::string> port_name = tree.read(fmt::format("{}/{}/phys_port_name", directory, name));
      return port_name && port_name->substr(0, 2) == "pf";
    };
    candidates.erase(std::remove_if(candidates.begin(), candidates.end(), is_representor), candidates.end());
  }
  if (candidates.size() == 1) return candidates.front();
  if (names->empty()) return Missing{Why::absent, fmt::format("{}: empty", directory)};
  return Missing{Why::failed, fmt::format("{}: {} of {} netdevs have dev_port {}", directory, candidates.size(),
                                          names->size(), port - 1)};
}

Fact<std::string> read_netdev(const FileTree& tree, const std::string& device_directory,
                              const std::string& port_directory, int port, const Fact<std::string>& parent_netdev) {
  if (parent_netdev) return parent_netdev;
  // What the RDMA core itself uses, also for a bond and in another network namespace.
  const Fact<std::string> of_gid = read_line(tree, port_directory + "/gid_attrs/ndevs/0");
  if (of_gid) return of_gid;
  return netdev_of_function(tree, device_directory, port);
}

template <class T>
Fact<T> from_verbs(const Fact<VerbsDeviceAnswers>& verbs, int port, Fact<T> VerbsPortAnswers::*member) {
  if (!verbs) return verbs.missing();
  const auto found = std::find_if(verbs->ports.begin(), verbs->ports.end(),
                                  [&](const VerbsPortAnswers& answers) { return answers.number == port; });
  if (found != verbs->ports.end()) return (*found).*member;
  // A device that could not be opened has no ports to tell of.
  if (!verbs->openable) return verbs->openable.missing();
  return Missing{Why::not_read, fmt::format("libibverbs was not asked for port {}", port)};
}

}  // namespace

std::vector<Port> read_ports(const FileTree& tree, const std::string& directory, const Fact<VerbsDeviceAnswers>& verbs,
                             const Fact<std::string>& parent_netdev) {
  std::vector<int> numbers;
  const Fact<std::vector<std::string>> names = list_names(tree, directory + "/ports");
  for (const std::string& name : names.value_or({})) {
    if (const auto number = parse_unsigned(name); number && *number < 256) numbers.push_back(static_cast<int>(*number));
  }
  std::sort(numbers.begin(), numbers.end());

  std::vector<Port> ports;
  for (const int number : numbers) {
    const std::string path = fmt::format("{}/ports/{}", directory, number);
    Port port;
    port.number = number;
    port.state = read_numbered_word(tree, path + "/state", "a port state such as 4: ACTIVE");
    port.phys_state = read_numbered_word(tree, path + "/phys_state", "a physical state such as 5: LinkUp");
    port.link_layer = read_line(tree, path + "/link_layer");
    const Fact<std::string> rate_text = tree.read(path + "/rate");
    if (!rate_text) {
      port.rate_gbit_s = rate_text.missing();
      port.width = rate_text.missing();
    } else if (const auto rate = parse_rate(*rate_text)) {
      port.rate_gbit_s = rate->gbit_s;
      port.width = rate->width.empty() ? Fact<std::string>(Missing{Why::absent, path + "/rate: tells no width"})
                                       : Fact<std::string>(rate->width);
    } else {
      port.rate_gbit_s = not_this(path + "/rate", "a rate such as 200 Gb/sec (4X HDR)", *rate_text);
      port.width = port.rate_gbit_s.missing();
    }
    port.active_mtu = from_verbs(verbs, number, &VerbsPortAnswers::active_mtu);
    port.max_mtu = from_verbs(verbs, number, &VerbsPortAnswers::max_mtu);
    port.netdev = read_netdev(tree, directory, path, number, parent_netdev);
    read_gids(tree, path, from_verbs(verbs, number, &VerbsPortAnswers::gid_table_size),
              from_verbs(verbs, number, &VerbsPortAnswers::gid_indexes), port);
    port.counters = read_counters(tree, path + "/counters");
    port.hw_counters = read_counters(tree, path + "/hw_counters");
    ports.push_back(std::move(port));
  }
  return ports;
}

}  // namespace rocekit::facts::readers
