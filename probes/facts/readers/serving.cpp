// Another process, seen from outside. What this tool may not look at is Missing with Why::permission, never a guess.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "core/dynlib/library_search.h"
#include "core/error.h"
#include "probes/facts/disk_file.h"
#include "probes/facts/read_node.h"
#include "probes/facts/readers/host.h"
#include "probes/facts/readers/library_version.h"
#include "probes/facts/readers/nccl_settings.h"
#include "probes/facts/readers/proc_files.h"
#include "probes/facts/readers/readers.h"
#include "probes/facts/readers/values.h"

namespace rocekit::facts::readers {
namespace {

std::string proc_file(int pid, std::string_view name) { return fmt::format("/proc/{}/{}", pid, name); }

bool holds(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// ---- rights -------------------------------------------------------------------------------------------------------

struct Rights {
  ProcStatus status;
  Fact<std::vector<std::string>> capabilities;  ///< those that count in the namespace of the devices
  bool contained = false;
};

/// Whether open(O_RDWR) of a node succeeds, as far as mode, owner, capabilities and the way it came there tell.
Fact<bool> openable_with(const Rights& rights, const DeviceNodeAnswers& node, const Fact<bool>& volume) {
  if (!rights.status.euid || !rights.capabilities) {
    return Missing{Why::not_read, "user and capabilities of the process could not be read"};
  }
  const auto& groups = rights.status.groups;
  const bool in_group =
      rights.status.egid == node.gid || std::find(groups.begin(), groups.end(), node.gid) != groups.end();
  const int shift = *rights.status.euid == node.uid ? 6 : in_group ? 3 : 0;
  const bool allowed = ((node.mode >> shift) & 6) == 6 || holds(*rights.capabilities, "CAP_DAC_OVERRIDE");
  if (!allowed) {
    return Missing{Why::permission, fmt::format("/dev/infiniband/{}: mode {:04o} of user {} and group {} refuses user "
                                                "{} of the process",
                                                node.name, node.mode, node.uid, node.gid, *rights.status.euid)};
  }
  // A runtime lets the device group open what it was given as a device; a directory of the host that was mounted brings
  // no such right along, unless the container is privileged.
  if (rights.contained && !volume.is(false) && !holds(*rights.capabilities, "CAP_SYS_ADMIN")) {
    return Missing{Why::not_read, fmt::format("/dev/infiniband/{}: came as a volume, and whether the container's "
                                              "device group lets it be opened cannot be told from outside",
                                              node.name)};
  }
  return true;
}

Fact<bool> openable_by(const Rights& rights, const ServingAnswers& answers,
                       const Fact<std::vector<std::string>>& listed, const std::string& name) {
  if (answers.open_nodes && holds(*answers.open_nodes, name)) return true;
  const std::string path = "/dev/infiniband/" + name;
  if (!listed && listed.missing().why != Why::absent) return Missing{Why::not_read, listed.missing().detail};
  if (!listed || !holds(*listed, name)) return Missing{Why::absent, path + ": No such file or directory"};
  if (!answers.infiniband_nodes) return Missing{Why::not_read, answers.infiniband_nodes.missing().detail};
  const auto& nodes = *answers.infiniband_nodes;
  const auto node =
      std::find_if(nodes.begin(), nodes.end(), [&](const DeviceNodeAnswers& item) { return item.name == name; });
  if (node == nodes.end()) return Missing{Why::not_read, path + ": its mode could not be read"};
  return openable_with(rights, *node, answers.infiniband_volume);
}

// ---- network ------------------------------------------------------------------------------------------------------

Fact<bool> shares_network(const FileTree& tree, int pid) {
  const Fact<std::string> theirs = tree.link_target(proc_file(pid, "ns/net"));
  if (!theirs) return theirs.missing();
  const Fact<std::string> ours = tree.link_target("/proc/self/ns/net");
  if (!ours) return ours.missing();
  return *theirs == *ours;
}

Address ipv4_address(std::uint32_t value, int prefix_length) {
  std::array<char, INET_ADDRSTRLEN> text{};
  const in_addr address{htonl(value)};
  inet_ntop(AF_INET, &address, text.data(), text.size());
  return {"inet", text.data(), prefix_length, (value >> 24) == 127 ? "host" : "global"};
}

Fact<std::vector<Netdev>> read_namespace(const FileTree& tree, int pid) {
  const Fact<std::string> interfaces = tree.read(proc_file(pid, "net/dev"));
  if (!interfaces) return interfaces.missing();
  const Fact<std::string> trie = tree.read(proc_file(pid, "net/fib_trie"));
  const auto routes = parse_on_link_routes(tree.read(proc_file(pid, "net/route")).value_or(""));
  const auto inet6 = parse_if_inet6(tree.read(proc_file(pid, "net/if_inet6")).value_or(""));
  std::vector<Netdev> netdevs;
  for (const std::string& name : parse_net_dev(*interfaces)) {
    Netdev netdev;
    netdev.name = name;
    const std::string directory = proc_file(pid, "root/sys/class/net/" + name);
    netdev.ifindex = read_int(tree, directory + "/ifindex");
    netdev.mtu = read_int(tree, directory + "/mtu");
    netdev.operstate = read_line(tree, directory + "/operstate");
    const Fact<int> link = read_int(tree, directory + "/iflink");
    if (name == "lo") {
      netdev.type = std::string("loopback");
    } else if (link && netdev.ifindex && *link != *netdev.ifindex) {
      netdev.type = std::string("veth");
    }
    if (!trie) {
      netdev.addresses = trie.missing();
      netdevs.push_back(std::move(netdev));
      continue;
    }
    std::vector<Address> addresses;
    for (const std::uint32_t address : parse_local_ipv4(*trie)) {
      if (name == "lo" && (address >> 24) == 127) addresses.push_back(ipv4_address(address, 8));
      for (const OnLinkRoute& route : routes) {
        const int host_bits = 32 - route.prefix_length;
        const std::uint32_t mask = host_bits == 32 ? 0 : ~std::uint32_t{0} << host_bits;
        if (route.netdev != name || (address & mask) != route.network) continue;
        addresses.push_back(ipv4_address(address, route.prefix_length));
        break;
      }
    }
    for (const Inet6Line& line : inet6) {
      if (line.netdev == name) addresses.push_back(line.address);
    }
    netdev.addresses = std::move(addresses);
    netdevs.push_back(std::move(netdev));
  }
  return netdevs;
}

// ---- libraries ----------------------------------------------------------------------------------------------------

/// Where dlopen() of the process would find a library, below its root; the usual directories stand for what glibc was
/// built with.
Fact<std::string> find_below_root(const FileTree& tree, const KernelAnswers& node, const std::string& root,
                                  const std::string& name, const std::string& ld_library_path) {
  std::vector<std::string> places;
  for (const std::string& directory : split_words(ld_library_path, ":;")) places.push_back(directory + "/" + name);
  const std::string cache = tree.read(root + "/etc/ld.so.cache").value_or("");
  for (std::string& path : dynlib::paths_in_ld_cache(cache, name)) places.push_back(std::move(path));
  for (const char* architecture : {"aarch64", "x86_64"}) {
    // The other's are there for cross-compiling.
    if (node.architecture && *node.architecture != architecture) continue;
    for (const char* directory : {"/lib", "/usr/lib"}) {
      places.push_back(fmt::format("{}/{}-linux-gnu/{}", directory, architecture, name));
    }
  }
  for (const char* directory : {"/lib64", "/usr/lib64", "/lib", "/usr/lib"}) {
    places.push_back(fmt::format("{}/{}", directory, name));
  }
  for (const std::string& path : places) {
    const Fact<std::string> found = tree.canonical(root + path);
    if (found) return found->substr(std::min(found->size(), root.size()));
    if (found.missing().why == Why::permission) return found;
  }
  return Missing{Why::absent, fmt::format("{}: not where the loader of the process looks", name)};
}

std::vector<Library> mapped(const std::vector<Library>& libraries, std::string_view start) {
  std::vector<Library> found;
  std::copy_if(libraries.begin(), libraries.end(), std::back_inserter(found),
               [&](const Library& library) { return file_name(library.path).starts_with(start); });
  return found;
}

void read_libraries(const FileTree& tree, const KernelAnswers& node, const ServingAnswers& answers,
                    const std::map<std::string, std::string>& environment, Serving& serving) {
  const std::string root = proc_file(serving.pid, "root");
  const auto search = environment.find("LD_LIBRARY_PATH");
  const std::string ld_library_path = search == environment.end() ? "" : search->second;
  const auto find = [&](const char* name) { return find_below_root(tree, node, root, name, ld_library_path); };
  serving.nccl_libraries = answers.libraries.has_value()
                               ? Fact<std::vector<Library>>(mapped(*answers.libraries, "libnccl.so"))
                               : Fact<std::vector<Library>>(answers.libraries.missing());
  const std::vector<Library> verbs = mapped(answers.libraries.value_or({}), "libibverbs.so");
  serving.verbs_mapped = !verbs.empty();
  if (serving.verbs_mapped) {
    serving.libibverbs = verbs.front();
  } else if (const auto path = find("libibverbs.so.1")) {
    serving.libibverbs = Library{*path, rdma_core_version(*path)};
  } else {
    serving.libibverbs = path.missing();
  }
  const std::vector<Library> plugins = mapped(answers.libraries.value_or({}), "libnccl-net");
  if (!answers.libraries) {
    serving.nccl_plugins = answers.libraries.missing();
  } else if (!plugins.empty()) {
    serving.nccl_plugins = plugins;
  } else {
    std::vector<Library> found;
    const auto path = find("libnccl-net.so");
    const Missing version{Why::not_supported, "a plugin tells its version only when it is loaded"};
    if (path) found.push_back({*path, version});
    serving.nccl_plugins = std::move(found);
  }
  serving.verbs_providers = read_verbs_providers(tree, root);
}

// ---- settings -----------------------------------------------------------------------------------------------------

/// NCCL takes its directory from the password database, and that of a user without entry from nowhere.
void correct_home(const FileTree& tree, const std::string& root, std::optional<int> euid,
                  std::map<std::string, std::string>& environment) {
  const Fact<std::string> passwd = tree.read(root + "/etc/passwd");
  if (!passwd || !euid) return;
  if (const auto home = home_of(*passwd, *euid)) environment["HOME"] = *home;
}

void read_settings(const FileTree& tree, int pid, std::map<std::string, std::string>& environment,
                   const ProcStatus& status, Process& process) {
  ProcessPlace place;
  place.root = proc_file(pid, "root");
  if (const auto folder = tree.link_target(proc_file(pid, "cwd"))) place.folder = *folder;
  correct_home(tree, place.root, status.euid, environment);
  for (const auto& [name, value] : environment) {
    if (is_transport_variable(name)) process.nccl_env.emplace(name, value);
  }
  NcclSettings settings = read_nccl_settings(tree, environment, place);
  process.settings = std::move(settings.in_force);
  process.conf_files = std::move(settings.conf_files);
}

Fact<std::string> read_container_of(const FileTree& tree, int pid) {
  const std::string root = proc_file(pid, "root");
  // The directory itself is readable where the root may be looked at.
  const Fact<std::string> visible = tree.canonical(root + "/etc");
  if (!visible && visible.missing().why == Why::permission) return visible.missing();
  if (auto marked = container_mark(tree, root)) return *marked;
  const Fact<std::string> cgroup = tree.read(proc_file(pid, "cgroup"));
  if (!cgroup) return cgroup;
  return container_of_cgroup(*cgroup).value_or("none");
}

}  // namespace

Serving read_serving(const FileTree& tree, const KernelAnswers& node_answers, int pid) {
  Serving serving;
  serving.pid = pid;
  serving.command = read_line(tree, proc_file(pid, "comm")).value_or("");
  ServingAnswers answers;
  if (node_answers.serving && node_answers.serving->pid == pid) answers = *node_answers.serving;

  const Fact<std::string> status_text = tree.read(proc_file(pid, "status"));
  Rights rights;
  rights.status = parse_proc_status(status_text.value_or(""));
  Process& process = serving.process;
  if (!status_text) {
    process.euid = status_text.missing();
    process.capabilities = status_text.missing();
  } else {
    const std::string path = proc_file(pid, "status");
    process.euid = rights.status.euid ? Fact<int>(*rights.status.euid) : not_this(path, "a line Uid", *status_text);
    if (auto names = parse_capabilities(rights.status.capabilities_hex)) {
      process.capabilities = std::move(*names);
    } else {
      process.capabilities = not_this(path, "a line CapEff", *status_text);
    }
  }
  const Fact<std::string> uid_map = tree.read(proc_file(pid, "uid_map"));
  serving.user_namespace = uid_map ? Fact<bool>(!maps_all_users(*uid_map)) : Fact<bool>(uid_map.missing());
  rights.capabilities = process.capabilities;
  if (!serving.user_namespace.is(false) && rights.capabilities) rights.capabilities = std::vector<std::string>();

  const Fact<std::string> limits = tree.read(proc_file(pid, "limits"));
  if (!limits) {
    process.memlock = limits.missing();
  } else if (const auto memlock = parse_memlock(*limits)) {
    process.memlock = *memlock;
  } else {
    process.memlock = not_this(proc_file(pid, "limits"), "a line Max locked memory", *limits);
  }
  process.netns_mode = node_answers.rdma_netns_mode;

  serving.container = read_container_of(tree, pid);
  // Only a container has a device group; rootless ones have none.
  rights.contained = !serving.container.is("none") && serving.user_namespace.is(false);
  process.infiniband_nodes = list_names(tree, proc_file(pid, "root/dev/infiniband"));
  process.rdma_cm_openable = openable_by(rights, answers, process.infiniband_nodes, "rdma_cm");
  for (const std::string& name : list_names(tree, "/sys/class/infiniband_verbs").value_or({})) {
    if (!name.starts_with("uverbs")) continue;
    serving.uverbs.push_back({name, openable_by(rights, answers, process.infiniband_nodes, name),
                              answers.open_nodes && holds(*answers.open_nodes, name)});
  }
  serving.open_files = answers.open_nodes ? Fact<bool>(true) : Fact<bool>(answers.open_nodes.missing());

  const Fact<std::string> environ_text = tree.read(proc_file(pid, "environ"));
  serving.environment = environ_text ? Fact<bool>(true) : Fact<bool>(environ_text.missing());
  auto environment = parse_environ(environ_text.value_or(""));
  read_settings(tree, pid, environment, rights.status, process);
  read_libraries(tree, node_answers, answers, environment, serving);

  serving.same_network = shares_network(tree, pid);
  if (serving.same_network.is(false)) serving.netdevs = read_namespace(tree, pid);
  serving.rdma_devices = list_names(tree, proc_file(pid, "root/sys/class/infiniband"));
  return serving;
}

}  // namespace rocekit::facts::readers

namespace rocekit::facts {

std::uint64_t require_process(const FileTree& tree, int pid) {
  const auto refuse = [&](const std::string& why) { throw InputError(fmt::format("process {} {}", pid, why)); };
  const std::string directory = fmt::format("/proc/{}", pid);
  const Fact<std::string> status_text = tree.read(directory + "/status");
  if (!status_text) {
    if (status_text.missing().why == Why::absent ||
        status_text.missing().detail.find("No such process") != std::string::npos) {
      refuse(tree.is_live() ? "is not there: it ended, or /proc hides it (run as root)" : "is not in this saved node");
    }
    refuse(fmt::format("cannot be read: {}", status_text.missing().detail));
  }
  const readers::ProcStatus status = readers::parse_proc_status(*status_text);
  if (status.state == 'Z' || status.state == 'X') refuse("has ended and waits for its parent (zombie)");
  if (!status.has_memory) refuse("is a thread of the kernel, which serves nothing; name the server's process");
  const Fact<std::string> stat = tree.read(directory + "/stat");
  return stat ? readers::parse_start_ticks(*stat).value_or(0) : 0;
}

}  // namespace rocekit::facts
