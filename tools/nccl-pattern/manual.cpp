#include "tools/nccl-pattern/manual.h"

namespace rocekit::pattern {

cli::Manual manual() {
  cli::Manual manual;
  manual.tool = "nccl-pattern";
  manual.summary = "measure the collectives of serving, over RDMA and over sockets";
  manual.examples = {
      {"mpirun -np 2 -H a,b nccl-pattern --mode tp2 --model minimax-m2.5", "a decode step of two nodes"},
      {"nccl-pattern --listen --mode ep2 --model qwen3-coder-30b-a3b", "without MPI; prints the line to paste"},
      {"nccl-pattern --local 2 --mode allreduce --sizes 8:8M", "both ranks on this machine"},
      {"nccl-pattern --mode tp2 --model ./config.json --dry-run", "what would be sent"},
      {"nccl-pattern --listen --mode tp2 --model minimax-m2.5 --require rdma", "exit code 2 unless RDMA is proven"},
      {"nccl-pattern --listen --mode allreduce --a NCCL_IB_QPS_PER_CONNECTION=4", "a setting of NCCL against none"},
      {"nccl-pattern predict --mode tp2 --model gpt-oss-120b --tok-s 45 --measured-on socket --latencies l.csv",
       "tokens per second on the other transport"},
  };
  manual.about = {
      "Measures what tensor, expert and pipeline parallel serving puts between ranks, over RDMA and over sockets in "
      "one run, proves what carried it, and prices the difference in tokens per second.",
      "A mode such as tp2, pp2, ep2 or dp2ep2 with a model (a name, or a Hugging Face config.json) gives the "
      "operations of a serving step with their counts and sizes; a pattern such as allreduce gives one collective "
      "over --sizes. NCCL is loaded at run time, the library that serving would load; where a rank has no GPU or no "
      "libnccl, the same operations run on host memory over queue pairs and TCP.",
      "Each result is verified. NCCL's log and the counters of all devices prove which transport carried it.",
  };
  manual.exit_codes = {{"0", "measured"},
                       {"1", "degraded"},
                       {"2", "wrong data or the proof contradicts"},
                       {"3", "could not (or the command line is wrong)"}};
  manual.environment = {
      {"NCCL_*", "Settings of NCCL, as a serving process would have them."},
      {"VLLM_NCCL_SO_PATH, VIRTUAL_ENV, CONDA_PREFIX, LD_LIBRARY_PATH",
       "Which libnccl is loaded, unless --nccl-lib names it."},
      {"CUDA_VISIBLE_DEVICES", "The GPUs that ranks may take."},
      {"ROCEKIT_MPI_MODULE, ROCEKIT_MPI_COLLECTIVES_MODULE",
       "Paths of the MPI modules, where they are not where the package puts them."},
      {"NO_COLOR, TERM", "No colour where NO_COLOR is set or TERM is \"dumb\", unless --color says otherwise."},
  };
  manual.files = {
      {"/etc/nccl.conf, ~/.nccl.conf", "Settings of NCCL, which it reads by itself."},
      {"librocekit_mpi.so, librocekit_mpi_collectives.so",
       "Loaded under mpirun and srun, and for --backend mpi: beside the tool, in ../lib/rocekit from there, or where "
       "the package rocekit-mpi puts them."},
  };
  manual.see_also = {"roce-probe(8)", "roce-pingpong(8)", "roce-preflight(8)", "mpirun(1)"};
  return manual;
}

}  // namespace rocekit::pattern
