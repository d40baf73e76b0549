#include "tools/roce-probe/manual.h"

namespace rocekit::probe {

cli::Manual manual() {
  cli::Manual manual;
  manual.tool = "roce-probe";
  manual.summary = "read and judge the RDMA (RoCE) network of a node";
  manual.examples = {
      {"roce-probe", "this node: what there is, what is wrong, what to do"},
      {"roce-probe --json=node.json", "the same, and all values that were read in node.json"},
      {"roce-probe --diff other.json", "this node against another: what differs, and whether it matters"},
      {"roce-probe --container vllm", "what the serving process in a container sees"},
      {"roce-probe explain ROCE-MTU-001", "what a check means, how it is judged, what to do"},
      {"roce-probe env --for podman", "the flags to start a serving container with, each with its reason"},
      {"roce-probe watch --duration 30s", "live: does the traffic take RDMA or sockets?"},
      {"roce-probe --save node --anonymize", "the node as a directory that can be sent to somebody"},
      {"roce-probe --root node", "reads such a directory on any machine"},
  };
  manual.about = {
      "Reads an RDMA (RoCE) node without changing it, judges it, and prints cause and remedy of each fault.",
      "It groups the RDMA devices into rails (the physical ports and what they can carry together), predicts which "
      "devices and which GID NCCL will choose and whether it will fall back to sockets, and runs the checks that "
      "\"roce-probe list-checks\" names. Each finding has the values that were read and where, the cause in plain "
      "words, and commands to paste.",
      "It needs no root and no configuration, and starts on a machine without RDMA devices, libibverbs, GPU driver or "
      "NCCL. What could not be read is named with the reason; where that matters for the verdict, the verdict is "
      "UNKNOWN and never READY. It never rescans PCI and calls no firmware tool.",
  };
  manual.exit_codes = {
      {"0", "ready"}, {"1", "degraded"}, {"2", "not ready"}, {"3", "could not check (or the command line is wrong)"}};
  manual.environment = {
      {"NCCL_*", "Settings of NCCL in force, read for the prediction of what it will choose."},
      {"VLLM_NCCL_SO_PATH, VIRTUAL_ENV, CONDA_PREFIX, LD_LIBRARY_PATH",
       "Which libnccl a serving process started here would load."},
      {"NO_COLOR, TERM", "No colour where NO_COLOR is set or TERM is \"dumb\", unless --color says otherwise."},
  };
  manual.files = {
      {"/etc/nccl.conf, ~/.nccl.conf", "Settings of NCCL, read as NCCL reads them."},
      {"/sys/class/infiniband, /sys/class/net, /proc", "Where most facts come from; --root reads a saved copy."},
  };
  manual.see_also = {"roce-pingpong(8)", "nccl-pattern(8)", "roce-preflight(8)", "ibv_devinfo(1)", "rdma(8)"};
  return manual;
}

}  // namespace rocekit::probe
