// Which launcher started this process, and as which of how many ranks.
#pragma once

#include <optional>
#include <string>

namespace rocekit::session {

struct Launch {
  std::string launcher;  ///< "mpirun", "srun"
  int rank = 0;
  int size = 0;
};

/// By the environment: Open MPI's, PMI's, PMIx's or Slurm's variables; nullopt where there is one rank only, or none.
std::optional<Launch> launch_of_environment();

}  // namespace rocekit::session
