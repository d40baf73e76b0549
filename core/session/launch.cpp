#include "core/session/launch.h"

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace rocekit::session {

namespace {

std::optional<int> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  const std::string_view digits(text);
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value < 0) return std::nullopt;
  return value;
}

/// The script of an sbatch job has the variables of a rank too, but is none: its step has a number of its own
/// (SLURM_BATCH_SCRIPT and its like, from 0xfffffff0) or none.
bool in_slurm_step() {
  for (const char* variable : {"SLURM_STEP_ID", "SLURM_STEPID"}) {
    if (const char* text = std::getenv(variable)) return std::strtoull(text, nullptr, 10) < 0xfffffff0u;
  }
  return false;
}

}  // namespace

std::optional<Launch> launch_of_environment() {
  const bool slurm = in_slurm_step();
  struct Source {
    const char* rank;
    const char* size;
    const char* launcher;
    bool counts;
  };
  const Source sources[] = {
      {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "mpirun", true},
      {"PMI_RANK", "PMI_SIZE", slurm ? "srun" : "mpirun", true},
      {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "srun", slurm},
      {"SLURM_PROCID", "SLURM_NTASKS", "srun", slurm},
      {"PMIX_RANK", "PMIX_SIZE", "mpirun", true},
  };
  for (const Source& source : sources) {
    const auto rank = number_in(source.rank);
    const auto size = number_in(source.size);
    if (!source.counts || !rank || !size) continue;
    if (*size < 2 || *rank >= *size) return std::nullopt;
    return Launch{source.launcher, *rank, *size};
  }
  return std::nullopt;
}

}  // namespace rocekit::session
