#include "tools/roce-pingpong/manual.h"

namespace rocekit::pingpong {

cli::Manual manual() {
  cli::Manual manual;
  manual.tool = "roce-pingpong";
  manual.summary = "latency and bandwidth between nodes over RDMA and over TCP";
  manual.examples = {
      {"roce-pingpong --listen", "on one node; it prints the line to paste on the other"},
      {"mpirun -np 2 -H a,b roce-pingpong", "the same under mpirun or srun"},
      {"roce-pingpong --local", "both ends on this machine"},
      {"roce-pingpong --via ssh node2", "both ends from one terminal"},
      {"roce-pingpong --via ssh node2 --metric latency --sizes 2:64K", "the small messages that decode pays for"},
      {"roce-pingpong --via ssh node2 --metric bandwidth --bidirectional", "every rail alone, then all, both ways"},
      {"roce-pingpong --listen --json=wire.json --fail-on crit", "for a script"},
  };
  manual.about = {
      "Measures latency and bandwidth between two nodes over RDMA (RC) and over TCP with one loop, side by side: "
      "ratio, fraction of the physical bound, and counters that prove what carried the bytes. More than two ranks: "
      "every pair.",
      "Blocks of the transports alternate within one run, so that what disturbs the machine disturbs all of them, and "
      "a ratio stands with the interval that holds the true one with 99 % confidence. A percentile is shown only "
      "where at least ten samples lie beyond it, the median from ten samples on. The default run takes less than 20 "
      "seconds.",
      "Peers find each other by a token that --listen prints, by ssh (or another launcher) with --via, or by mpirun "
      "and srun. It needs no root and no configuration.",
  };
  manual.exit_codes = {{"0", "measured"},
                       {"1", "degraded"},
                       {"2", "far off or the proof contradicts"},
                       {"3", "could not measure (or the command line is wrong)"}};
  manual.environment = {
      {"ROCEKIT_MPI_MODULE", "Path of librocekit_mpi.so, where it is not where the package puts it."},
      {"NO_COLOR, TERM", "No colour where NO_COLOR is set or TERM is \"dumb\", unless --color says otherwise."},
  };
  manual.files = {
      {"librocekit_mpi.so",
       "Loaded under mpirun and srun alone: beside the tool, in ../lib/rocekit from there, or "
       "where the package rocekit-mpi puts it."},
  };
  manual.see_also = {"roce-probe(8)", "nccl-pattern(8)", "roce-preflight(8)", "ib_write_lat(1)", "rping(1)"};
  return manual;
}

}  // namespace rocekit::pingpong
