#include <fmt/format.h>

#include <algorithm>

#include "probes/checks/areas.h"
#include "probes/checks/evidence.h"
#include "probes/derived/serving_view.h"

namespace rocekit::checks {
namespace {

using facts::Fact;
using facts::Missing;
using facts::NodeFacts;
using facts::Serving;
using facts::Why;

constexpr const char* no_process = "no serving process was named: --pid, --container";

std::string proc_file(const Serving& serving, std::string_view name) {
  return fmt::format("/proc/{}/{}", serving.pid, name);
}

/// The process named, or nullptr after saying that there is none.
const Serving* serving_of(const NodeView& view, Verdicts& verdicts) {
  if (view.node_side != nullptr) return &*view.node.serving;
  verdicts.skipped(node_subject, no_process);
  return nullptr;
}

// ---- ROCE-SRV-001 -------------------------------------------------------------------------------------------------

void check_readable(const NodeView& view, Verdicts& verdicts) {
  const Serving* serving = serving_of(view, verdicts);
  if (serving == nullptr) return;
  std::vector<std::string> unread;
  const Missing* first = nullptr;
  const auto look = [&](const char* what, const auto& fact) {
    if (fact || fact.missing().why == Why::absent || fact.missing().why == Why::not_supported) return;
    unread.emplace_back(what);
    if (first == nullptr) first = &fact.missing();
  };
  look("environment", serving->environment);
  look("device nodes", serving->process.infiniband_nodes);
  look("limit on locked memory", serving->process.memlock);
  look("capabilities", serving->process.capabilities);
  look("network namespace", serving->same_network);
  if (serving->same_network.is(false)) look("interfaces", serving->netdevs);
  look("open files", serving->open_files);
  look("libraries", serving->nccl_libraries);
  look("root directory", serving->container);
  if (first == nullptr) {
    verdicts.ok(node_subject, "the process could be read as a whole");
    return;
  }
  verdicts.unknown(node_subject,
                   fmt::format("{} of {} could not be read", join_words(unread), derived::name_of(*serving)), *first,
                   {fmt::format("sudo roce-probe --pid {}", serving->pid)});
}

// ---- ROCE-SRV-002 -------------------------------------------------------------------------------------------------

/// Names of the devices whose uverbs node the process holds open.
std::vector<std::string> devices_held(const NodeFacts& node) {
  std::vector<std::string> names;
  for (const facts::Device& device : node.devices) {
    if (!device.uverbs) continue;
    const std::string& path = device.uverbs->path;
    const std::string name = path.substr(path.rfind('/') + 1);
    const auto& nodes = node.serving->uverbs;
    if (std::any_of(nodes.begin(), nodes.end(),
                    [&](const facts::NodeAccess& access) { return access.open && access.node == name; })) {
      names.push_back(device.name);
    }
  }
  return names;
}

std::vector<std::string> devices_chosen(const derived::NcclChoice& choice) {
  std::vector<std::string> names;
  for (const std::string& hca : choice.hcas) {
    std::string name = hca.substr(0, hca.rfind(':'));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

void check_devices_held(const NodeView& view, Verdicts& verdicts) {
  const Serving* serving = serving_of(view, verdicts);
  if (serving == nullptr) return;
  for (const Missing* missing : {serving->open_files ? nullptr : &serving->open_files.missing(),
                                 serving->nccl_libraries ? nullptr : &serving->nccl_libraries.missing()}) {
    if (missing == nullptr) continue;
    verdicts.unknown(node_subject, "which RDMA devices the process holds open could not be read", *missing,
                     rerun_as_root(view.node, "ROCE-SRV-002"));
    return;
  }
  const std::vector<std::string> held = devices_held(view.node);
  if (held.empty() && serving->nccl_libraries->empty()) {
    verdicts.skipped(node_subject,
                     "the process has not loaded NCCL; name the one that does (a worker), or look again "
                     "when it has started");
    return;
  }
  if (held.empty() && !serving->verbs_mapped) {
    verdicts.skipped(node_subject, "NCCL is loaded there and has not looked for RDMA devices yet");
    return;
  }
  std::vector<Evidence> evidence_lines{
      evidence("devices held open", held, proc_file(*serving, "fd")),
      evidence("libibverbs loaded", serving->verbs_mapped, proc_file(*serving, "maps")),
      evidence("NCCL would choose now", view.nccl.why, "as predicted")};
  if (view.nccl.net != "IB") {
    if (held.empty()) {
      verdicts.skipped(node_subject, "no RDMA device is open there, as predicted: ROCE-ENV-006 says why");
    } else {
      verdicts.ok(node_subject, fmt::format("{} {} open there", join_words(held), held.size() == 1 ? "is" : "are"),
                  std::move(evidence_lines));
    }
    return;
  }
  std::vector<std::string> lacking;
  for (const std::string& name : devices_chosen(view.nccl)) {
    if (std::find(held.begin(), held.end(), name) == held.end()) lacking.push_back(name);
  }
  if (lacking.empty()) {
    verdicts.ok(node_subject,
                fmt::format("{} {} open there: NCCL uses RDMA", join_words(held), held.size() == 1 ? "is" : "are"),
                std::move(evidence_lines));
    return;
  }
  const std::string name = derived::name_of(*serving);
  verdicts.warning(
      node_subject,
      held.empty() ? fmt::format("{} has started libibverbs and holds no RDMA device open", name)
                   : fmt::format("{} holds {} open, but not {}", name, join_words(held), join_words(lacking)),
      std::move(evidence_lines),
      held.empty() ? "NCCL opens the devices that it uses when its first communicator starts. Either that is still to "
                     "come, or the process started when the devices were not usable and carries its traffic over "
                     "sockets until it is started again."
                   : "NCCL opens every device that it uses when its first communicator starts. The process started "
                     "when this device was not usable to it, and goes on without it until it is started again.",
      {fmt::format("roce-probe watch --pid {}   # under load: says whether the traffic takes RDMA", serving->pid),
       "# if it does not, start the server again"});
}

// ---- ROCE-SRV-003 -------------------------------------------------------------------------------------------------

void check_library(const NodeView& view, Verdicts& verdicts) {
  const Serving* serving = serving_of(view, verdicts);
  if (serving == nullptr) return;
  if (!serving->nccl_libraries) {
    verdicts.unknown(node_subject, "which NCCL library the process has loaded could not be read",
                     serving->nccl_libraries.missing(), rerun_as_root(view.node, "ROCE-SRV-003"));
    return;
  }
  const auto& libraries = *serving->nccl_libraries;
  if (libraries.empty()) {
    verdicts.skipped(node_subject, "the process has not loaded NCCL (yet)");
    return;
  }
  std::vector<Evidence> evidence_lines;
  bool replaced = false;
  for (const facts::Library& library : libraries) {
    evidence_lines.push_back(
        evidence("NCCL " + library.version.value_or("of unknown version"), library.path, proc_file(*serving, "maps")));
    replaced = replaced || library.path.ends_with(" (deleted)");
  }
  if (libraries.size() > 1) {
    verdicts.warning(
        node_subject, fmt::format("{} has loaded {} NCCL libraries", derived::name_of(*serving), libraries.size()),
        std::move(evidence_lines),
        "Each library has its own communicators and settings, and which one a call reaches depends on who loaded it. "
        "Ranks that meet with different versions hang or stop with \"Mismatched NCCL version detected\".",
        {"# keep one: remove the other package from the image, or name the one to use:",
         fmt::format("export VLLM_NCCL_SO_PATH={}", libraries.front().path)});
    return;
  }
  if (replaced) {
    verdicts.warning(node_subject,
                     fmt::format("the NCCL library of {} was replaced since it started", derived::name_of(*serving)),
                     std::move(evidence_lines),
                     "The process goes on with the old library, and every process that starts from now on gets the new "
                     "one: ranks of different versions hang or stop with \"Mismatched NCCL version detected\".",
                     {"# start the server again on all nodes"});
    return;
  }
  verdicts.ok(node_subject,
              fmt::format("NCCL {} is loaded from {}", libraries.front().version.value_or("of unknown version"),
                          libraries.front().path),
              std::move(evidence_lines));
}

// ---- ROCE-SRV-004 -------------------------------------------------------------------------------------------------

/// What NCCL would take with no setting: what the place itself offers.
derived::NcclChoice without_settings(NodeFacts node) {
  node.process.settings.clear();
  return derived::predict_nccl(node);
}

std::string offer_in_words(const derived::NcclChoice& choice) {
  return choice.net == "IB" ? show(choice.hcas) : fmt::format("{}: {}", choice.net, choice.why);
}

/// A RoCE port works only where the interface is that gives it its address.
bool lacks_interface(const NodeFacts& seen, const std::string& hca) {
  const std::size_t colon = hca.rfind(':');
  const facts::Device* device = seen.find_device(hca.substr(0, colon));
  if (device == nullptr || !is_roce(*device)) return false;
  return std::any_of(device->ports.begin(), device->ports.end(), [&](const facts::Port& port) {
    return hca.substr(colon + 1) == std::to_string(port.number) && port.netdev &&
           seen.find_netdev(*port.netdev) == nullptr;
  });
}

std::vector<Evidence> differences(const NodeFacts& node, const NodeFacts& seen) {
  const Serving& serving = *seen.serving;
  std::vector<Evidence> lines;
  const auto compare = [&](const char* what, const auto& here, const auto& there, const std::string& source) {
    if (here == there) return;
    lines.push_back(evidence(fmt::format("{}, node against process", what),
                             fmt::format("{} against {}", show(here), show(there)), source));
  };
  compare("RDMA device nodes", node.process.infiniband_nodes, seen.process.infiniband_nodes,
          proc_file(serving, "root/dev/infiniband"));
  if (serving.same_network.is(false)) {
    lines.push_back(evidence("network namespace", "one of its own", proc_file(serving, "ns/net")));
  }
  const auto version = [](const Fact<facts::Library>& library) {
    return library ? library->version : Fact<std::string>(library.missing());
  };
  if (node.host.libibverbs.has_value() != seen.host.libibverbs.has_value()) {
    compare("rdma-core", version(node.host.libibverbs), version(seen.host.libibverbs),
            serving.libibverbs ? serving.libibverbs->path : proc_file(serving, "root"));
  }
  return lines;
}

void check_against_node(const NodeView& view, Verdicts& verdicts) {
  const Serving* serving = serving_of(view, verdicts);
  if (serving == nullptr) return;
  const NodeFacts& node = view.node_side->node;
  const derived::NcclChoice here = without_settings(node);
  if (here.net != "IB") {
    verdicts.skipped(node_subject, "the node itself offers NCCL no RDMA device, so the process lacks nothing");
    return;
  }
  for (const Missing* missing :
       {serving->process.infiniband_nodes ? nullptr : &serving->process.infiniband_nodes.missing(),
        serving->same_network ? nullptr : &serving->same_network.missing()}) {
    if (missing == nullptr || missing->why == Why::absent) continue;
    verdicts.unknown(node_subject, "what the process has of the node's RDMA devices could not be read", *missing,
                     rerun_as_root(view.node, "ROCE-SRV-004"));
    return;
  }
  const derived::NcclChoice there = without_settings(view.node);
  std::vector<std::string> lacking;
  for (const std::string& hca : here.hcas) {
    const bool taken = std::find(there.hcas.begin(), there.hcas.end(), hca) != there.hcas.end();
    if (!taken || lacks_interface(view.node, hca)) lacking.push_back(hca.substr(0, hca.rfind(':')));
  }
  derived::NcclChoice left = there;
  std::erase_if(left.hcas, [&](const std::string& hca) { return lacks_interface(view.node, hca); });
  const bool no_interface = there.net == "IB" && left.hcas.size() < there.hcas.size();
  std::vector<Evidence> evidence_lines{
      evidence("NCCL could use on the node", offer_in_words(here), "as predicted, without any setting"),
      evidence("NCCL could use in the process", offer_in_words(left), "as predicted, without any setting")};
  for (Evidence& line : differences(node, view.node)) evidence_lines.push_back(std::move(line));
  if (lacking.empty()) {
    verdicts.ok(node_subject, "the process can use every RDMA device that the node offers", std::move(evidence_lines));
    return;
  }
  const std::string title =
      fmt::format("{} cannot use {}, which the node offers", derived::name_of(*serving), join_words(lacking));
  const std::vector<std::string> remedy =
      in_container(view.node)
          ? restart_container_with(view.node, {"--device /dev/infiniband", "--network=host", "--ulimit memlock=-1:-1"},
                                   "give the container /dev/infiniband and the host's network")
          : std::vector<std::string>{"# the checks of access (ROCE-ACC) say what the process lacks",
                                     fmt::format("sudo roce-probe --pid {} -v", serving->pid)};
  const bool none_left = there.net != "IB" || lacking.size() == here.hcas.size();
  if (none_left) {
    verdicts.critical(node_subject, title, std::move(evidence_lines),
                      no_interface
                          ? "The node is fine and the process is not: the devices are there, the interfaces that give "
                            "them their addresses are in another network namespace, and NCCL fails when it connects."
                          : "The node is fine and the process is not: NCCL finds no usable RDMA device in it, whatever "
                            "it is told by settings, and carries its traffic over TCP sockets.",
                      remedy);
  } else {
    verdicts.warning(node_subject, title, std::move(evidence_lines),
                     "The node is fine and the process gets a part of it only: NCCL leaves bandwidth unused there, "
                     "whatever it is told by settings.",
                     remedy);
  }
}

constexpr Check checks[] = {
    {"ROCE-SRV-001", "Serving process cannot be read as a whole",
     "The process named by --pid or --container is judged by its files in /proc: environment, limits, open files, root "
     "directory, namespaces. The kernel shows most of them to root and to the user of the process only. What cannot be "
     "read is not judged.",
     "Unknown when any of environment, device nodes, memory limit, capabilities, network namespace, interfaces, open "
     "files, libraries or root directory could not be read.",
     "Run it as root: sudo roce-probe --pid PID; or run roce-probe inside the container.", true, check_readable,
     Scope::process},
    {"ROCE-SRV-002", "Serving process does not hold its RDMA devices open",
     "NCCL opens every RDMA device that it is going to use when its first communicator starts, and holds it open. A "
     "process that has started NCCL and holds none, or not all of those that NCCL would choose, started under other "
     "conditions than now: a device was down, missing in the container, or refused. It goes on over sockets, or over "
     "the devices it has, until it is started again.",
     "Open files /dev/infiniband/uverbs* of the process and the libibverbs that it has mapped, against the devices "
     "that NCCL would choose there now. Warning when a chosen device is not open although libibverbs is loaded. "
     "Skipped before NCCL has started, and where NCCL would choose sockets (ROCE-ENV-006).",
     "roce-probe watch --pid PID under load says whether the traffic takes RDMA; if not, start the server again.",
     false, check_devices_held, Scope::process},
    {"ROCE-SRV-003", "NCCL library of the serving process is ambiguous or replaced",
     "All ranks of a communicator must run the same NCCL. A process that has loaded two NCCL libraries, or one that "
     "was replaced on disk since (an upgrade under a running server), differs from what the next rank will load.",
     "Files named libnccl.so* that the process has mapped (/proc/PID/maps); several, or one marked as deleted, are a "
     "warning.",
     "Keep one NCCL in the image (VLLM_NCCL_SO_PATH names the one to use), and start the server again on all nodes "
     "after an upgrade.",
     false, check_library, Scope::process},
    {"ROCE-SRV-004", "Serving process gets less than the node offers",
     "A container sees what it was started with: device nodes, network namespace, libraries. A node that is ready does "
     "not help a container that was given half of it.",
     "NCCL's choice is predicted without any setting for the node and for the process. Devices that the process cannot "
     "use are a warning, critical when none is left. It accompanies the check that names the single cause (ROCE-ACC, "
     "ROCE-GID-003, ROCE-DEV-002).",
     "Start the container with --device /dev/infiniband --network=host --ulimit memlock=-1:-1.", false,
     check_against_node, Scope::process},
};

}  // namespace

std::span<const Check> serving_checks() { return checks; }

}  // namespace rocekit::checks
