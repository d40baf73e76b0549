#include "probes/checks/measured_checks.h"

namespace rocekit::checks {
namespace {

constexpr Check checks[] = {
    {"ROCE-PERF-001", "Rail far below its bound with clean counters",
     "The link reports its full rate, nothing is lost, and the rail carries a fraction. On GB10 nodes this is a known "
     "state: the link says 200 Gb/s and RDMA and TCP alike deliver 8 to 25 Gb/s, about 13 as a rule, after the adapter "
     "was initialised with the cable out, by hot-plug or by an old driver. Nothing but a measurement shows it.",
     "RC send or write on one path (or on several at once when no single one was measured) below a quarter of the "
     "bound that follows from link and PCIe, with messages of at least 64 KiB and at least 1 MiB in flight, while no "
     "loss counter grew: critical. Not judged where there is no bound, on Soft-RoCE, or when both ends are on one "
     "host.",
     "Restart both nodes with the cable in:\n"
     "  sudo reboot\n"
     "If it stays: shut both down, take the power away for a minute with the cable in, start them and measure again. "
     "If it still stays: update firmware and driver, try another cable.",
     true, nullptr},
    {"ROCE-PERF-002", "Bandwidth below what link and PCIe allow",
     "The bound is the link rate or the PCIe rate, whichever is smaller, less the headers of each packet at the path "
     "MTU. A healthy rail reaches 95 % of it and more; what is missing was lost to resent packets, congestion, a slow "
     "receiver, or a memory path that is slower than the adapter.",
     "RC send and write with messages of at least 64 KiB and at least 1 MiB in flight, in memory of the host: warning "
     "below 90 % of the bound (both directions at once: 80 %, since requests and acknowledgements of each direction "
     "travel with the data of the other). Counters that tell of loss, congestion or pauses stand beside it as "
     "evidence. ROCE-PERF-001 takes its place below a quarter with clean counters. Not judged on Soft-RoCE or on one "
     "host.",
     "Loss or pauses counted: ROCE-PERF-003. Clean counters: compare PCIe speed and width with what the slot can do "
     "(ROCE-PCI-001), pin the program to the adapter's NUMA node, set the governor to performance, and look whether "
     "the IOMMU translates (iommu=pt).",
     false, nullptr},
    {"ROCE-PERF-003", "Packets lost or receiver not ready while measuring",
     "RDMA resends a lost packet and everything after it. A loss costs bandwidth; a timeout stops a connection for "
     "tens of milliseconds and is the whole of p99.9. A receiver that is not ready makes the sender wait and try "
     "again.",
     "Counters that grew between the start and the end of each series. Adapters: warning from 1 timeout "
     "(local_ack_timeout_err, roce_adp_retrans_to, req_transport_retries_exceeded) or 10 other events on. Soft-RoCE, "
     "whose packets pass the kernel's queues: from 10 gaps in the sequence on (out_of_seq_request, rcvd_seq_err) when "
     "they are more than 2 in 1000 packets, and from 100 other events on when they are more than 1 in 100; what its "
     "timers send again for a busy node, though it had arrived (duplicate_request, completer_retry_err), is no loss. "
     "UD datagrams that had to be sent again: from 10 on, over Soft-RoCE when they are more than 1 in 100. "
     "roce-preflight: critical when a connection gives up (retry counter exceeded) in one step while RDMA crosses in "
     "another.",
     "Watch the counters while traffic runs:\n"
     "  grep -H . /sys/class/infiniband/rocep1s0f0/ports/1/hw_counters/*\n"
     "Direct cable: reseat or replace it, same MTU on both ends. Switch: same MTU on every port, PFC or ECN for the "
     "priority that RDMA uses. Receiver not ready: look at ROCE-CTR-003.",
     false, nullptr},
    {"ROCE-PERF-004", "Small messages slower than adapters of this kind are",
     "Each generated token waits for many small messages, so this figure, not bandwidth, decides decode speed. "
     "Adapters of the last ten years exchange a few bytes in 1 to 2 us; a switch adds 0.2 to 1 us.",
     "Median of RC send, write and write with immediate above 2.5 us (half a round trip), of read and fetch-add above "
     "4.5 us (the whole operation), at up to 256 bytes, polled, in host memory: warning. These are the marks that "
     "acceptance tests of such nodes use. Not judged on Soft-RoCE or when both ends are on one host.",
     "Measure again with cores that do not save power and on a fast core near the adapter (GB10: cores 5-9 and "
     "15-19):\n"
     "  sudo cpupower frequency-set -g performance\n"
     "  taskset -c 5 roce-pingpong ...\n"
     "If it stays: a virtual machine, an IOMMU that translates, or a slow PCIe link (ROCE-PCI-001) is in the way.",
     false, nullptr},
    {"ROCE-PERF-005", "Counters contradict the transport",
     "The bytes that were measured did not pass the device they were asked to pass. A figure of one transport was "
     "taken from another: it proves nothing about the first.",
     "Counters of every device and netdev before and after each series, against the payload that was moved: critical "
     "when the device that was asked for did not send it, or when another one did.",
     "Look at routes and interfaces:\n"
     "  ip route get 192.168.100.11\n"
     "  roce-probe --check NET-002,NET-003\n"
     "A route may lead over another netdev (ROCE-NET-003); two interfaces in one subnet answer for each other "
     "(ROCE-NET-002).",
     true, nullptr},
    {"ROCE-PERF-006", "Data arrived damaged",
     "Messages carried a pattern, and what arrived was something else. RDMA and TCP both protect each packet by "
     "checksums, so damage lies beyond the wire: memory, PCIe, IOMMU, the driver, or GPUDirect without ordering. "
     "Nothing that runs on this pair can be trusted.",
     "Any message whose pattern was wrong, with --verify: critical.",
     "Look for errors of memory and PCIe on both nodes:\n"
     "  sudo dmesg | grep -iE 'aer|pcie|mce|iommu'\n"
     "Repeat with --memory host and with other sizes. If host memory is affected: test memory, update firmware, kernel "
     "and driver.",
     true, nullptr},
    {"ROCE-PERF-007", "Bandwidth collapses for moments",
     "The mean hides it: for a tenth of a second or more a rail carried less than half of what it carries on average. "
     "Every collective of a model waits for the slowest message, so such a stall is a pause of the whole group.",
     "Bandwidth is counted in windows of 100 ms: warning when the slowest window of an RC series is below half of the "
     "mean. An acknowledgement that is waited for in vain costs about 67 ms at the usual timeout, which is what half a "
     "window shows. Not judged on Soft-RoCE or on one host.",
     "Watch while traffic runs:\n"
     "  ethtool -S enp1s0f0np0 | grep -E 'pause|discard|link_down'\n"
     "Look for loss (ROCE-PERF-003), pauses of a switch, a link that flaps (ROCE-LNK-005), heat, and other programs on "
     "the same rail.",
     false, nullptr},
    {"ROCE-PERF-008", "A pair far slower than the other pairs",
     "Nodes of one kind on one fabric are alike within some per cent. A pair that falls out points at a node, a cable "
     "or a port of a switch, and a collective over all nodes runs at the speed of the slowest pair.",
     "With four ranks and more: warning when the RC bandwidth of a pair (messages of 64 KiB and more) is below 80 % of "
     "the median of all pairs, or its RC latency (up to 256 bytes) above twice the median. A node that all slow pairs "
     "have in common is named. Not judged on Soft-RoCE.",
     "Save a slow node, and compare a healthy one with it:\n"
     "  roce-probe --save slow.json\n"
     "  roce-probe --diff slow.json\n"
     "When both are alike, swap the cables of the two at the switch and measure again: what follows the cable is the "
     "cable.",
     false, nullptr},
    {"ROCE-PERF-009", "Another transport carried the collectives",
     "NCCL falls back without an error: when it finds no usable RDMA device on a node, or not the same network plugin "
     "on all, it goes over sockets and says so in one INFO line. Every all-reduce of a decode step then takes ten "
     "times as long, and nothing but the tokens per second shows it. Figures of that side are those of another "
     "transport.",
     "NCCL's own log (the channels that it connected) and the counters of every device and netdev around the blocks of "
     "each side: critical when either shows that another transport carried the data than the side was asked to use.",
     "Find out why NCCL leaves RDMA, on each node and inside the container that serves:\n"
     "  roce-probe                     # predicts NCCL's choice and says why\n"
     "  roce-probe --check ENV,ACC     # NCCL_* settings; uverbs devices, memlock\n"
     "  NCCL_DEBUG=INFO ... 2>&1 | grep -E 'NET/|via|Using network'\n"
     "The host backend (--backend host): look at routes and addresses, ip route get PEER.",
     true, nullptr},
    {"ROCE-PERF-010", "Transport of the collectives not proven",
     "Nothing that was seen contradicts the transport, and nothing shows it: NCCL's log is missing or in a format that "
     "this version does not know, and there are no counters that tell. The figures may be those of another transport.",
     "Critical when --require names a transport and no side over it is proven by log or counters; unknown when a side "
     "of a run over several hosts is unproven.",
     "Let the log and the counters be read: NCCL_DEBUG_FILE and NCCL_DEBUG unset for nccl-pattern, "
     "/sys/class/infiniband readable, in a container with --network host. Then measure again.\n"
     "--require rdma without an RDMA side: roce-probe on each node says what is missing.",
     false, nullptr},
    {"ROCE-PERF-011", "Collectives over RDMA no faster than over sockets",
     "RDMA saves the kernel's network stack on every message, which is most of what a small collective costs: over "
     "adapters it is several times faster. Where it is not, serving gains nothing from it, and something is wrong: "
     "cores that save power, an RDMA path through a slow device, losses, or sockets that are in truth on the same "
     "hardware while RDMA is not.",
     "The ratio of a whole step (of each size of a pattern) between a side over RDMA and one over sockets, from pairs "
     "of neighbouring blocks: warning when its interval does not lie above 1. Not judged where figures prove function "
     "only (Soft-RoCE, several ranks on one GPU, all ranks on one host) or with too few pairs.",
     "First the wire alone, then what differs between the sides:\n"
     "  roce-pingpong                  # on both nodes: RC against TCP without NCCL\n"
     "  roce-probe\n"
     "  sudo cpupower frequency-set -g performance\n"
     "nccl-pattern -v prints percentiles and the latency budget: a large rest is NCCL and its launches, a large wire "
     "the path.",
     false, nullptr},
    {"ROCE-PERF-012", "A rail carries nothing",
     "A node has several RDMA ports that are up and lead to the peers, and the collectives used some of them only: "
     "half the bandwidth of prefill and of large batches stays unused. NCCL_IB_HCA that names one device, rails in "
     "different states on the nodes, or adapters that NCCL takes for too far from the GPU do that.",
     "Counters of every RDMA port around the blocks of a side over RDMA: warning when a port that is up in a subnet of "
     "the peers sent nothing, while operations were measured that are large enough to be spread (NCCL: any; the host "
     "backend: from 1 MiB on).",
     "  roce-probe --check ENV,LNK,GID # NCCL_IB_HCA, links and addresses of each rail\n"
     "  unset NCCL_IB_HCA              # or name all: NCCL_IB_HCA==rocep1s0f0,roceP2p1s0f0\n"
     "  roce-pingpong --rails all      # whether the idle rail works\n"
     "Then measure again.",
     false, nullptr},
    {"ROCE-PERF-013", "A collective gave wrong results",
     "Ranks handed in known numbers, and what came out is not their sum, or not the data of the rank that it should "
     "be. A model that is served over it computes nonsense.",
     "Every element of every verified call is compared with what the ranks handed in, with --verify always or once: "
     "critical when one lies outside the tolerance, which is 0 for what is copied and for sums that the type holds "
     "exactly.",
     "Look for the layer: the same pattern over the other transport, with the other backend (--backend host), with "
     "another libnccl (--nccl-lib PATH). Damage on every transport: memory or GPU.\n"
     "  sudo dmesg | grep -iE 'xid|aer|pcie|mce|iommu'\n"
     "  NCCL_PROTO=Simple ...          # LL and LL128 rely on the order of stores; GPUDirect without it damages data\n"
     "Do not serve until it is found.",
     true, nullptr},
    {"ROCE-PERF-014", "Times of the collectives are unsteady",
     "Every layer of a model waits for its collective, so a step pays for the slow ones: when one in a hundred takes "
     "several times as long, or all become slower while measuring, tokens come in fits, and a figure of today says "
     "little about tomorrow.",
     "A whole step (each size of a pattern) timed one by one: warning when p99 is more than three times the median, "
     "and when the blocks of a step drift or fall into two heaps. Not judged where figures prove function only.",
     "  sudo cpupower frequency-set -g performance   # cores that save power wake late\n"
     "  roce-pingpong -v                             # whether the wire alone is steady\n"
     "Look for other programs on cores and their other hardware threads, GPU and rails, for pauses and losses "
     "(ROCE-PERF-003), and for heat.",
     false, nullptr},
    {"ROCE-PERF-015", "A limit of the command line is not met",
     "roce-preflight was told what is needed at least: RDMA, both rails, a fraction of the bound, a latency. What was "
     "measured is short of it.",
     "Critical when --require, --min-fraction or --max-latency-us is not met by a rail that was measured. Where too "
     "few messages crossed in the time to know their median, the fastest of them must be above --max-latency-us for "
     "that, else it is unknown; so is --min-fraction on a rail without a bound (Soft-RoCE). What could not be measured "
     "is ROCE-PERF-016.",
     "Other findings of the same run often tell why. The wire in more detail, on both nodes:\n"
     "  roce-pingpong -v\n"
     "A limit that this hardware cannot reach has to be lowered.",
     true, nullptr},
    {"ROCE-PERF-016", "A step of the run was not done",
     "A check that could not run says nothing, and nothing is not a pass: roce-preflight does not call a cluster "
     "ready on the strength of what it did not look at.",
     "Unknown when a step failed, when --budget left no time for it, or when there was nothing to do it with (all "
     "ranks on one node).",
     "The finding's own words tell what was in the way. Where time was: a larger --budget.", true, nullptr},
    {"ROCE-PERF-017", "Latency worse than in the baseline",
     "These very nodes exchanged small messages faster before. Something has changed: a kernel, driver or firmware, a "
     "governor, a setting of NCCL, a cable, other programs on the cores. Physical bounds do not show it as long as the "
     "figure is within them.",
     "roce-preflight --baseline FILE: median of this run's blocks against the runs in the file, of each rail, size and "
     "transport. With five runs and more (the last 20 count) warning when it lies beyond what one run more of the same "
     "kind reaches once in 2000 times (Student's t on the logarithms of the runs), and is at least 1.08 times as long "
     "(sockets 1.15). With fewer runs their spread is not known: warning from 1.25 times the slowest of them on "
     "(sockets 1.5), where the blocks leave no doubt. Soft-RoCE and nodes on one host swing by factors: judged from "
     "five runs on, from 1.5 times.",
     "The finding names what has changed since the baseline; undo it, or look at what is not read:\n"
     "  roce-probe; roce-pingpong -v\n"
     "If it is to stay so, move the file away and begin a new one:\n"
     "  mpirun -np 2 -H a,b roce-preflight --save-baseline baseline.json\n"
     "The next runs are held against that.",
     false, nullptr},
    {"ROCE-PERF-018", "Bandwidth lower than in the baseline",
     "A rail carries less than these nodes carried before, in one direction or both, perhaps still above the mark of "
     "90 % of the bound that holds for all machines: what is missing here is missing since a change.",
     "As ROCE-PERF-017, of rates: warning beyond the prediction limit of five runs and more and at least 1.04 times "
     "less (sockets 1.15); with fewer runs from 1.10 times less than the slowest of them on (sockets 1.4). Soft-RoCE "
     "and one host: from five runs on, 1.5 times.",
     "The finding names what has changed since the baseline: firmware, PCIe, MTU, rate, FEC, cable.\n"
     "  roce-probe --check LNK,MTU,PCI\n"
     "  roce-pingpong -v\n"
     "If it is to stay so, begin a new baseline (ROCE-PERF-017).",
     false, nullptr},
    {"ROCE-PERF-019", "Collectives slower than in the baseline",
     "The operations of the model, or its whole decode step, take longer than they took on these nodes, so tokens come "
     "more slowly. Where the rails are as they were, it is NCCL: its version, its settings, its algorithms, or the "
     "cores and GPUs that run it.",
     "As ROCE-PERF-017, of each operation and of whole steps, on each side that was measured: warning beyond the "
     "prediction limit of five runs and more and at least 1.08 times as long (sockets 1.15); with fewer runs from 1.25 "
     "times the slowest of them on (sockets 1.5). Soft-RoCE and one host: from five runs on, 1.5 times.",
     "The finding names what has changed since the baseline: NCCL's version and settings, drivers, governors.\n"
     "  roce-probe --check ENV\n"
     "  nccl-pattern -v\n"
     "If it is to stay so, begin a new baseline (ROCE-PERF-017).",
     false, nullptr},
    {"ROCE-PERF-020", "The baseline does not fit",
     "Figures of other nodes, other adapters, other traffic or another order of ranks say nothing about this run, and "
     "a rail that the baseline knows and this run did not measure may be the very fault. What was not compared is not "
     "taken for a pass.",
     "roce-preflight --baseline FILE: unknown when nodes (by the GUIDs of their RDMA devices, else by name, in the "
     "order of ranks) or traffic (model, mode, number of ranks) are others, and when something is missing that the "
     "last run of the file holds, though its step was done. Streams in each direction may be missing with --quick. "
     "Files that are damaged or no baseline end the run with exit code 3 before it measures.",
     "Give the ranks in the order of the baseline and the same --model and --mode. After a change that is to stay "
     "(an adapter, a rail more or less), begin a new file:\n"
     "  mpirun -np 2 -H a,b roce-preflight --save-baseline new.json\n"
     "The next runs are held against that.",
     true, nullptr},
};

}  // namespace

std::span<const Check> measured_checks() { return checks; }

}  // namespace rocekit::checks
