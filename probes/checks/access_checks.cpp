#include <fmt/format.h>

#include <algorithm>

#include "probes/checks/areas.h"
#include "probes/checks/evidence.h"
#include "probes/checks/fabric.h"
#include "probes/checks/usable_ports.h"
#include "probes/checks/uverbs_nodes.h"

namespace rocekit::checks {
namespace {

using facts::Device;
using facts::Missing;
using facts::NodeFacts;
using facts::Why;

constexpr const char* no_device = "no RDMA device on this node: ROCE-DEV-001";
constexpr const char* kubernetes_device =
    "give the container /dev/infiniband (Kubernetes: the RDMA device plugin's resource in the pod's limits; LXC: "
    "lxc.mount.entry = /dev/infiniband dev/infiniband none bind,create=dir)";

// ---- uverbs nodes -------------------------------------------------------------------------------------------------

Missing why_unknown(const Device& device) {
  return device.uverbs ? device.uverbs->openable.missing() : device.uverbs.missing();
}

Evidence node_evidence(const Device& device) {
  if (!device.uverbs) {
    return evidence("uverbs node of " + device.name, show(device.uverbs.missing()), "/sys/class/infiniband_verbs");
  }
  const std::string& path = device.uverbs->path;
  const auto& openable = device.uverbs->openable;
  if (openable) {
    return evidence("uverbs node of " + device.name, *openable ? "can be opened" : "cannot be opened", path);
  }
  return evidence("uverbs node of " + device.name,
                  openable.missing().detail.empty() ? to_string(openable.missing().why) : openable.missing().detail,
                  path);
}

std::vector<std::string> look_at_nodes(const NodeFacts& node) {
  if (!node.serving) return {"ls -l /dev/infiniband"};
  return {fmt::format("sudo roce-probe --pid {}", node.serving->pid),
          "# or inside the container: roce-probe, or ls -l /dev/infiniband"};
}

Evidence directory_evidence(const NodeFacts& node) {
  return evidence("nodes here", node.process.infiniband_nodes, "/dev/infiniband");
}

std::vector<std::string> names_of(const std::vector<const Device*>& devices) {
  std::vector<std::string> names;
  for (const Device* device : devices) names.push_back(device->name);
  return names;
}

std::vector<std::string> nodes_for_container(const NodeFacts& node) {
  return restart_container_with(node, {"--device /dev/infiniband"}, kubernetes_device);
}

// ---- ROCE-ACC-001, -002, -005 -------------------------------------------------------------------------------------

void check_nodes(const NodeView& view, Verdicts& verdicts) {
  const std::vector<const Device*> devices = devices_of_interest(view.node);
  if (devices.empty()) {
    verdicts.skipped("node", no_device);
    return;
  }
  const std::vector<const Device*> missing = with_uverbs(view.node, devices, NodeState::missing);
  const std::vector<const Device*> unknown = with_uverbs(view.node, devices, NodeState::unknown);
  std::vector<Evidence> evidence_lines{directory_evidence(view.node)};
  for (const Device* device : devices) evidence_lines.push_back(node_evidence(*device));
  if (missing.size() < devices.size()) {
    if (missing.size() + unknown.size() == devices.size()) {
      verdicts.unknown("node",
                       fmt::format("whether {} can be reached could not be read", join_words(names_of(unknown))),
                       why_unknown(*unknown.front()), look_at_nodes(view.node));
    } else {
      verdicts.ok("node", "uverbs nodes are in /dev/infiniband", std::move(evidence_lines));
    }
    return;
  }
  const bool module_gone =
      std::none_of(devices.begin(), devices.end(), [](const Device* device) { return device->uverbs.has_value(); });
  std::vector<std::string> remedy;
  if (in_container(view.node) && !module_gone) {
    remedy = nodes_for_container(view.node);
  } else {
    remedy = concat(on_host(view.node, {"modprobe ib_uverbs", "ls -l /dev/infiniband"}),
                    in_container(view.node) ? nodes_for_container(view.node) : std::vector<std::string>{});
  }
  const std::string where = in_container(view.node) ? "in this container" : "on this node";
  verdicts.critical(
      "node", fmt::format("no uverbs node for {} {}", join_words(names_of(devices)), where), std::move(evidence_lines),
      fmt::format(
          "The kernel shows the device, but programs reach it through /dev/infiniband/uverbsN, and {}. "
          "libibverbs finds no device then, and NCCL uses TCP sockets without a word.",
          module_gone ? "the kernel offers none: the module ib_uverbs is not loaded" : "none of these nodes is here"),
      std::move(remedy));
}

void check_open(const NodeView& view, Verdicts& verdicts) {
  const std::vector<const Device*> devices = devices_of_interest(view.node);
  if (devices.empty()) {
    verdicts.skipped("node", no_device);
    return;
  }
  const std::vector<const Device*> refused = with_uverbs(view.node, devices, NodeState::refused);
  const std::vector<const Device*> unknown = with_uverbs(view.node, devices, NodeState::unknown);
  const std::vector<const Device*> openable = with_uverbs(view.node, devices, NodeState::openable);
  std::vector<Evidence> evidence_lines;
  for (const Device* device : devices) evidence_lines.push_back(node_evidence(*device));
  if (refused.empty()) {
    if (!unknown.empty()) {
      verdicts.unknown("node", fmt::format("whether {} can be opened could not be read", join_words(names_of(unknown))),
                       why_unknown(*unknown.front()), look_at_nodes(view.node));
    } else if (openable.empty()) {
      verdicts.skipped("node", "no uverbs node to open: ROCE-ACC-001");
    } else {
      verdicts.ok("node", "uverbs nodes can be opened", std::move(evidence_lines));
    }
    return;
  }
  evidence_lines.push_back(
      evidence("effective user", view.node.process.euid,
               view.node.serving ? fmt::format("/proc/{}/status", view.node.serving->pid) : "geteuid()"));
  std::vector<std::string> remedy;
  if (in_container(view.node)) {
    remedy = nodes_for_container(view.node);
  } else {
    remedy = {
        "ls -l /dev/infiniband",
        as_root(view.node,
                "sh -c \"echo 'SUBSYSTEM==\\\"infiniband_verbs\\\", KERNEL==\\\"uverbs*\\\", MODE=\\\"0666\\\"' > "
                "/etc/udev/rules.d/90-uverbs.rules\""),
        as_root(view.node, "udevadm control --reload"),
        as_root(view.node, "udevadm trigger --subsystem-match=infiniband_verbs")};
  }
  verdicts.critical(
      join(names_of(refused), ", "),
      fmt::format("the uverbs {} of {} cannot be opened", refused.size() == 1 ? "node" : "nodes",
                  join_words(names_of(refused))),
      std::move(evidence_lines),
      in_container(view.node)
          ? "The node is in the container, but opening it is refused: the container was not given the device, only "
            "the file (a volume such as -v /dev:/dev does not open the device cgroup). NCCL skips the device."
          : "The node is there, but this user may not open it. NCCL skips the device, and with none left uses TCP "
            "sockets without a word.",
      std::move(remedy));
}

void check_all_nodes(const NodeView& view, Verdicts& verdicts) {
  const std::vector<const Device*> devices = devices_of_interest(view.node);
  if (devices.empty()) {
    verdicts.skipped("node", no_device);
    return;
  }
  const std::vector<const Device*> missing = with_uverbs(view.node, devices, NodeState::missing);
  if (missing.size() == devices.size()) {
    verdicts.skipped("node", "no uverbs node at all: ROCE-ACC-001");
    return;
  }
  const std::vector<const Device*> unknown = with_uverbs(view.node, devices, NodeState::unknown);
  if (view.node.serving && !unknown.empty()) {
    verdicts.unknown("node", fmt::format("whether {} can be reached could not be read", join_words(names_of(unknown))),
                     why_unknown(*unknown.front()), look_at_nodes(view.node));
    return;
  }
  std::vector<PortView> reachable;
  for (const PortView& port : usable_ports(view)) {
    if (std::find(missing.begin(), missing.end(), port.device) == missing.end()) reachable.push_back(port);
  }
  std::vector<std::string> lost;
  std::vector<Evidence> evidence_lines{directory_evidence(view.node)};
  bool twin = false;
  for (const PortView& port : ports_that_would_add(view, reachable)) {
    if (std::find(missing.begin(), missing.end(), port.device) == missing.end()) continue;
    lost.push_back(port.device->name);
    twin = twin || is_twin_of_any(port, reachable);
    evidence_lines.push_back(node_evidence(*port.device));
  }
  if (lost.empty()) {
    verdicts.ok("node", "every RDMA device that adds bandwidth has its uverbs node here");
    return;
  }
  const std::string cost = twin ? "It is a twin, the second half of a physical port: without it the port carries about "
                                  "half of its bandwidth."
                                : "Without it the bandwidth of its port stays unused.";
  std::vector<std::string> remedy;
  if (in_container(view.node)) {
    remedy = concat({"# pass the whole directory, not one node of it"}, nodes_for_container(view.node));
  } else {
    remedy = on_host(view.node, {"modprobe ib_uverbs", "udevadm trigger --subsystem-match=infiniband_verbs",
                                 "ls -l /dev/infiniband"});
  }
  verdicts.warning(join(lost, ", "), fmt::format("the uverbs node of {} is not here", join_words(lost)),
                   std::move(evidence_lines),
                   fmt::format("Other devices have their node in /dev/infiniband, {} does not, so NCCL cannot use it. "
                               "{}",
                               join_words(lost), cost),
                   std::move(remedy));
}

// ---- ROCE-ACC-003 -------------------------------------------------------------------------------------------------

constexpr std::uint64_t mib = 1U << 20;
/// NCCL registers some tens of MiB for its first channels alone.
constexpr std::uint64_t memlock_needed_bytes = 64 * mib;
/// NCCL's channels with their peers stay well below this; what registers more (KV caches) asks for no limit at all.
constexpr std::uint64_t memlock_ample_bytes = 1ULL << 30;

/// As it stands in a path below /proc.
std::string process_number(const NodeFacts& node) { return node.serving ? std::to_string(node.serving->pid) : "self"; }

std::string show_limit(const std::optional<std::uint64_t>& bytes) {
  return bytes ? fmt::format("{} ({} bytes)", show_bytes(*bytes), *bytes) : "unlimited";
}

std::vector<std::string> memlock_remedy(const NodeFacts& node, const facts::Memlock& limit) {
  if (in_container(node)) {
    return restart_container_with(node, {"--ulimit memlock=-1:-1"},
                                  "raise the limit in the container runtime: LimitMEMLOCK=infinity in the unit of "
                                  "containerd or lxc on the host, then start the container again; or add the "
                                  "capability IPC_LOCK to the container");
  }
  std::vector<std::string> lines;
  if (node.serving) {
    lines.push_back(fmt::format("sudo prlimit --pid {} --memlock=unlimited:unlimited   # before NCCL starts there",
                                node.serving->pid));
  } else if (!limit.hard_bytes)
    lines.emplace_back("ulimit -l unlimited   # for this shell");
  lines.emplace_back("# for all logins, from the next login on:");
  lines.push_back(as_root(node,
                          "sh -c \"printf '* soft memlock unlimited\\n* hard memlock unlimited\\n"
                          "root soft memlock unlimited\\nroot hard memlock unlimited\\n' > "
                          "/etc/security/limits.d/90-memlock.conf\""));
  lines.emplace_back("# for a server started by systemd, add to its unit ([Service]): LimitMEMLOCK=infinity");
  return lines;
}

void check_memlock(const NodeView& view, Verdicts& verdicts) {
  const NodeFacts& node = view.node;
  if (node.devices.empty()) {
    verdicts.skipped("node", no_device);
    return;
  }
  if (!node.process.memlock) {
    verdicts.unknown("node", "the limit on locked memory could not be read", node.process.memlock.missing(),
                     node.serving ? rerun_as_root(node, "ROCE-ACC-003") : std::vector<std::string>{"ulimit -l"});
    return;
  }
  const facts::Memlock& limit = *node.process.memlock;
  const std::string source =
      node.serving ? fmt::format("/proc/{}/limits", node.serving->pid) : "getrlimit(RLIMIT_MEMLOCK)";
  std::vector<Evidence> evidence_lines{
      evidence("max locked memory (soft limit)", show_limit(limit.soft_bytes), source),
      evidence("max locked memory (hard limit)", show_limit(limit.hard_bytes), source)};
  if (!limit.soft_bytes) {
    verdicts.ok("node", "locked memory is unlimited", std::move(evidence_lines));
    return;
  }
  const std::uint64_t soft = *limit.soft_bytes;
  if (soft >= memlock_ample_bytes) {
    verdicts.ok("node", fmt::format("{} of memory may be locked", show_bytes(soft)), std::move(evidence_lines));
    return;
  }
  const auto& capabilities = node.process.capabilities;
  if (!capabilities) {
    verdicts.unknown(
        "node",
        fmt::format("locked memory is limited to {}, and whether CAP_IPC_LOCK lifts that could not be read",
                    show_bytes(soft)),
        capabilities.missing(), {fmt::format("grep CapEff /proc/{}/status", process_number(node))});
    return;
  }
  const bool lifted = std::find(capabilities->begin(), capabilities->end(), "CAP_IPC_LOCK") != capabilities->end();
  evidence_lines.push_back(evidence("CAP_IPC_LOCK", lifted, fmt::format("/proc/{}/status", process_number(node))));
  if (lifted) {
    verdicts.ok("node",
                fmt::format("the limit of {} on locked memory does not bind this process: it has CAP_IPC_LOCK (a "
                            "server without that capability is limited)",
                            show_bytes(soft)),
                std::move(evidence_lines));
    return;
  }
  if (soft < memlock_needed_bytes) {
    verdicts.critical(
        "node", fmt::format("only {} of memory may be locked", show_bytes(soft)), std::move(evidence_lines),
        fmt::format("RDMA needs its buffers locked in memory. {} is not enough for NCCL's: registering memory, or "
                    "making queues, fails with \"Cannot allocate memory\" (errno 12) although plenty is free.",
                    show_bytes(soft)),
        memlock_remedy(node, limit));
    return;
  }
  verdicts.warning(
      "node",
      fmt::format("{} of memory may be locked, less than {}", show_bytes(soft), show_bytes(memlock_ample_bytes)),
      std::move(evidence_lines),
      "Enough for NCCL's own buffers. A server that registers its model's memory or its KV cache for RDMA (KV cache "
      "transfer, user buffer registration) can exceed it and then fails with \"Cannot allocate memory\" (errno 12).",
      memlock_remedy(node, limit));
}

// ---- ROCE-ACC-004 -------------------------------------------------------------------------------------------------

void check_cma(const NodeView& view, Verdicts& verdicts) {
  const facts::Host& host = view.node.host;
  if (view.node.devices.empty()) {
    verdicts.skipped("node", no_device);
    return;
  }
  for (const auto* figure : {&host.cma_total_bytes, &host.cma_free_bytes}) {
    if (*figure) continue;
    if (figure->missing().why == Why::absent) {
      verdicts.skipped("node", "this kernel has no contiguous memory area (no CmaTotal in /proc/meminfo)");
    } else {
      verdicts.unknown("node", "the figures of the contiguous memory area could not be read", figure->missing(),
                       {"grep Cma /proc/meminfo"});
    }
    return;
  }
  std::vector<Evidence> evidence_lines{evidence("CmaTotal", show_bytes(*host.cma_total_bytes), "/proc/meminfo"),
                                       evidence("CmaFree", show_bytes(*host.cma_free_bytes), "/proc/meminfo"),
                                       evidence("kernel", host.kernel, "uname -r")};
  if (*host.cma_free_bytes <= *host.cma_total_bytes) {
    verdicts.ok("node", "the kernel's figures of the contiguous memory area agree", std::move(evidence_lines));
    return;
  }
  verdicts.critical(
      "node", "CmaFree is larger than CmaTotal: the kernel miscounts its contiguous memory", std::move(evidence_lines),
      "A kernel bug, known from 7.0.0-1019: the memory reserved for kexec handover (KHO) is counted as free contiguous "
      "memory. Registering RDMA memory fails with \"Cannot allocate memory\" (errno 12) although the limit on locked "
      "memory is fine.",
      on_host(view.node, {"sh -c \"echo 'GRUB_CMDLINE_LINUX=\\\"\\$GRUB_CMDLINE_LINUX kho=off\\\"' > "
                          "/etc/default/grub.d/60-kho-off.cfg\"",
                          "update-grub", "reboot", "# or boot kernel 6.17, which does not have the bug"}));
}

// ---- ROCE-ACC-006 -------------------------------------------------------------------------------------------------

void check_rdma_cm(const NodeView& view, Verdicts& verdicts) {
  const NodeFacts& node = view.node;
  const std::vector<const Device*> devices = devices_of_interest(node);
  if (devices.empty()) {
    verdicts.skipped("node", no_device);
    return;
  }
  if (with_uverbs(node, devices, NodeState::missing).size() == devices.size()) {
    verdicts.skipped("node", "no uverbs node at all: ROCE-ACC-001");
    return;
  }
  const auto& openable = node.process.rdma_cm_openable;
  if (openable.is(true)) {
    verdicts.ok("node", "/dev/infiniband/rdma_cm can be opened");
    return;
  }
  const std::optional<bool> listed = is_listed(node, "rdma_cm");
  const bool refused = openable || openable.missing().why == Why::permission;
  const bool missing = !refused && (listed == false || openable.missing().why == Why::absent);
  if (!refused && !missing) {
    verdicts.unknown("node", "whether /dev/infiniband/rdma_cm can be opened could not be read", openable.missing(),
                     look_at_nodes(node));
    return;
  }
  if (refused && !with_uverbs(node, devices, NodeState::refused).empty()) {
    verdicts.skipped("node", "refused like the uverbs nodes: ROCE-ACC-002");
    return;
  }
  const std::string detail = openable ? "cannot be opened" : show(openable.missing());
  std::vector<std::string> remedy;
  if (in_container(node)) {
    remedy = nodes_for_container(node);
  } else if (missing) {
    remedy = on_host(node, {"modprobe rdma_ucm", "sh -c \"echo rdma_ucm > /etc/modules-load.d/rdma_ucm.conf\""});
  } else {
    remedy = on_host(node, {"sh -c \"echo 'KERNEL==\\\"rdma_cm\\\", MODE=\\\"0666\\\"' > "
                            "/etc/udev/rules.d/90-rdma_cm.rules\"",
                            "udevadm control --reload", "udevadm trigger --name-match=infiniband/rdma_cm"});
  }
  verdicts.warning("node", missing ? "/dev/infiniband/rdma_cm is missing" : "/dev/infiniband/rdma_cm cannot be opened",
                   {evidence("/dev/infiniband/rdma_cm", detail, "open()"), directory_evidence(node)},
                   "NCCL does not need it, but programs that connect through librdmacm do: perftest with -R, UCX and "
                   "NIXL (KV cache transfer), storage clients. They fail with \"No such device\" or fall back to TCP.",
                   std::move(remedy));
}

// ---- ROCE-ACC-007 -------------------------------------------------------------------------------------------------

std::optional<std::string> peer_memory_module(const NodeFacts& node) {
  if (!node.host.modules) return std::nullopt;
  for (const char* name : {"nvidia_peermem", "nv_peer_mem"}) {
    if (node.host.modules->count(name) != 0) return name;
  }
  return std::nullopt;
}

std::string gpu_name(const facts::Gpu& gpu) {
  return gpu.name ? fmt::format("{} ({})", *gpu.name, gpu.pci_address) : "GPU " + gpu.pci_address;
}

void check_gpu_direct(const NodeView& view, Verdicts& verdicts) {
  const NodeFacts& node = view.node;
  if (node.gpus.empty()) {
    verdicts.skipped("node", "no GPU on this node");
    return;
  }
  const bool hardware =
      std::any_of(node.devices.begin(), node.devices.end(), [](const Device& device) { return is_hardware(device); });
  if (!hardware) {
    verdicts.skipped("node", node.devices.empty() ? no_device : "Soft-RoCE reads no GPU memory");
    return;
  }
  std::vector<std::string> without;
  std::vector<Evidence> evidence_lines;
  const std::optional<std::string> module = peer_memory_module(node);
  for (const facts::Gpu& gpu : node.gpus) {
    if (gpu.integrated.is(true)) {
      verdicts.ok(
          gpu_name(gpu),
          "no GPUDirect RDMA, by design: an integrated GPU shares the host's memory, and NCCL uses host buffers",
          {evidence("integrated", gpu.integrated, "CU_DEVICE_ATTRIBUTE_INTEGRATED"),
           evidence("GPUDirect RDMA", gpu.gpu_direct_rdma_supported, "CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_SUPPORTED")});
      continue;
    }
    const bool by_dma_buf = gpu.dma_buf_supported.is(true);
    const bool by_module = module && !gpu.gpu_direct_rdma_supported.is(false);
    if (by_dma_buf || by_module) {
      verdicts.ok(gpu_name(gpu),
                  fmt::format("GPUDirect RDMA is available through {}", by_dma_buf ? "dma-buf" : *module));
      continue;
    }
    const Missing* unread = nullptr;
    if (!gpu.integrated) {
      unread = &gpu.integrated.missing();
    } else if (!gpu.dma_buf_supported) {
      unread = &gpu.dma_buf_supported.missing();
    } else if (!node.host.modules) {
      unread = &node.host.modules.missing();
    }
    if (unread != nullptr) {
      verdicts.unknown(gpu_name(gpu), fmt::format("whether {} can use GPUDirect RDMA could not be read", gpu_name(gpu)),
                       *unread);
      continue;
    }
    without.push_back(gpu_name(gpu));
    evidence_lines.push_back(
        evidence("dma-buf of " + gpu_name(gpu), gpu.dma_buf_supported, "CU_DEVICE_ATTRIBUTE_DMA_BUF_SUPPORTED"));
  }
  if (without.empty()) return;
  evidence_lines.push_back(evidence("nvidia_peermem", module ? "loaded" : "not loaded", "/sys/module"));
  verdicts.warning(
      without.size() == 1 ? without.front() : "GPUs",
      fmt::format("GPUDirect RDMA is not available on {}", without.size() == 1 ? without.front() : join_words(without)),
      std::move(evidence_lines),
      "The network adapter cannot read GPU memory directly, so every message is copied through host memory first: "
      "higher latency, and less bandwidth on adapters that are near the GPU.",
      on_host(node,
              {"modprobe nvidia_peermem", "sh -c \"echo nvidia_peermem > /etc/modules-load.d/nvidia_peermem.conf\"",
               "# or install the driver's open kernel modules, which bring dma-buf"}));
}

constexpr Check checks[] = {
    {"ROCE-ACC-001", "No uverbs node for the RDMA devices",
     "Programs reach an RDMA device through its node /dev/infiniband/uverbsN. A container started without that "
     "directory sees the device in /sys and still cannot use it: libibverbs finds no device and NCCL falls to TCP "
     "sockets without a word.",
     "None of the devices with an ACTIVE port (of all devices when no port is ACTIVE) has its node in /dev/infiniband: "
     "critical.",
     "In a container: start it again with --device /dev/infiniband. On the host: sudo modprobe ib_uverbs.", true,
     check_nodes, Scope::process},
    {"ROCE-ACC-002", "uverbs node cannot be opened",
     "The node of the RDMA device is there, but opening it is refused: file permissions on a host, the device cgroup "
     "in a container that got /dev as a volume and not as a device. NCCL skips the device, and with none left uses "
     "TCP sockets.",
     "open() of /dev/infiniband/uverbsN of each device with an ACTIVE port; a refusal (EACCES, EPERM, ENXIO) is "
     "critical.",
     "In a container: --device /dev/infiniband in place of a volume. On the host: a udev rule that sets MODE=\"0666\" "
     "for uverbs*.",
     true, check_open, Scope::process},
    {"ROCE-ACC-003", "Limit on locked memory too low",
     "RDMA buffers must be locked in memory. Containers often start with a limit of 8 MiB: ibv_reg_mr, ibv_create_cq "
     "or ibv_create_qp then fail with \"Cannot allocate memory\" although memory is free. The limit counts inside the "
     "container, whatever the host allows. CAP_IPC_LOCK lifts it, except in rootless containers.",
     "The soft limit of RLIMIT_MEMLOCK: below 64 MiB critical, below 1 GiB warning, unless the process has "
     "CAP_IPC_LOCK.",
     "In a container: --ulimit memlock=-1:-1. On the host: a file in /etc/security/limits.d with \"* soft memlock "
     "unlimited\" and \"* hard memlock unlimited\", then log in again. For systemd services: LimitMEMLOCK=infinity.",
     true, check_memlock, Scope::process},
    {"ROCE-ACC-004", "Kernel miscounts contiguous memory (CMA)",
     "Kernel 7.0.0-1019 counts memory reserved for kexec handover as free contiguous memory, so that more is free than "
     "there is. Registering RDMA memory then fails with \"Cannot allocate memory\" although limits are fine.",
     "CmaFree against CmaTotal in /proc/meminfo; more free than there is in all is critical.",
     "Boot with the kernel option kho=off, or boot kernel 6.17.", false, check_cma},
    {"ROCE-ACC-005", "Only part of the uverbs nodes is here",
     "Each RDMA device has a uverbs node of its own. On GB10 a physical port is two devices (twins); a container that "
     "got the node of one of them uses half of the port.",
     "A device with an ACTIVE port that would add bandwidth (a twin of a reachable device, or a rail of the same rate) "
     "has no node in /dev/infiniband while others have: warning.",
     "Start the container with the whole directory: --device /dev/infiniband.", false, check_all_nodes, Scope::process},
    {"ROCE-ACC-006", "rdma_cm node missing or not openable",
     "/dev/infiniband/rdma_cm is what librdmacm connects through: perftest -R, UCX, NIXL, storage clients. NCCL does "
     "without it.",
     "open() of /dev/infiniband/rdma_cm; missing or refused is a warning.",
     "In a container: --device /dev/infiniband. On the host: sudo modprobe rdma_ucm.", false, check_rdma_cm,
     Scope::process},
    {"ROCE-ACC-007", "GPUDirect RDMA not available",
     "With GPUDirect RDMA the network adapter reads and writes GPU memory itself. A discrete GPU needs either the "
     "module nvidia_peermem or dma-buf support for it; without, every message is copied through host memory. "
     "Integrated GPUs such as GB10's have no GPUDirect RDMA by design: they share the host's memory and lose nothing.",
     "CUDA attributes INTEGRATED, DMA_BUF_SUPPORTED and GPU_DIRECT_RDMA_SUPPORTED of each GPU and the loaded modules; "
     "a discrete GPU with neither way is a warning.",
     "sudo modprobe nvidia_peermem, and nvidia_peermem in /etc/modules-load.d; or the driver's open kernel modules.",
     false, check_gpu_direct},
};

}  // namespace

std::span<const Check> access_checks() { return checks; }

}  // namespace rocekit::checks
