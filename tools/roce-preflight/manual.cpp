#include "tools/roce-preflight/manual.h"

namespace rocekit::preflight {

cli::Manual manual() {
  cli::Manual manual;
  manual.tool = "roce-preflight";
  manual.summary = "check and measure nodes before serving: one verdict, one code";
  manual.examples = {
      {"mpirun -np 2 -H a,b roce-preflight", "in front of the start script; the exit code is the answer"},
      {"roce-preflight --listen", "on one node; it prints the line to paste on the other"},
      {"roce-preflight --via ssh b --model minimax-m2.5", "both from one terminal, with a model's traffic"},
      {"roce-preflight --via ssh b --quick -q && start-serving", "the gate of a start script, in about 5 seconds"},
      {"roce-preflight --via ssh b --require rdma,both-rails --min-fraction 0.9", "what is demanded of the rails"},
      {"roce-preflight --via ssh b --prometheus roce.prom --exit-style=k8s",
       "for monitoring and for an init container"},
  };
  manual.about = {
      "May serving start? Reads all nodes, compares them, reaches the other end of each rail, measures rails and "
      "collectives, proves what carried them, and gives one verdict.",
      "The steps are probe (as roce-probe), compare (versions, MTU, rates, GIDs, subnets, settings, limits and clocks "
      "of the nodes against each other), reach (route, TCP, and packets of full size on each rail in both "
      "directions), rails (as roce-pingpong) and collectives (as nccl-pattern). A step that fails becomes a finding, "
      "and the steps that still can run follow.",
      "What could not be checked is never READY. The run keeps its budget whatever happens, and a peer that is lost "
      "ends it with exit code 3.",
  };
  manual.exit_codes = {{"0", "ready"},
                       {"1", "degraded"},
                       {"2", "not ready"},
                       {"3", "unknown: something could not be checked (or the command line is wrong)"}};
  manual.environment = {
      {"NCCL_*", "Settings of NCCL, compared between the nodes and in force while measuring."},
      {"VLLM_NCCL_SO_PATH, VIRTUAL_ENV, CONDA_PREFIX, LD_LIBRARY_PATH", "Which libnccl is compared and measured with."},
      {"ROCEKIT_MPI_MODULE", "Path of librocekit_mpi.so, where it is not where the package puts it."},
      {"NO_COLOR, TERM", "No colour where NO_COLOR is set or TERM is \"dumb\", unless --color says otherwise."},
  };
  manual.files = {
      {"/etc/nccl.conf, ~/.nccl.conf", "Settings of NCCL, read as NCCL reads them."},
      {"librocekit_mpi.so",
       "Loaded under mpirun and srun alone: beside the tool, in ../lib/rocekit from there, or "
       "where the package rocekit-mpi puts it."},
  };
  manual.see_also = {"roce-probe(8)", "roce-pingpong(8)", "nccl-pattern(8)", "mpirun(1)", "srun(1)"};
  return manual;
}

}  // namespace rocekit::preflight
