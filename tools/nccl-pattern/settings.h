// How traffic is measured, and what is compared: rank 0's settings hold for all ranks.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collectives/engine/side.h"

namespace rocekit::pattern {

/// Where operations run: NCCL on GPUs where every rank has both, else host memory.
enum class BackendChoice { automatic, nccl, host, mpi };
enum class Verify { always, once, never };

/// Longest list of transports that one run compares.
inline constexpr std::size_t most_compared = 6;

struct Settings {
  BackendChoice backend = BackendChoice::automatic;
  std::string nccl_library;          ///< a path; empty: as it is found
  std::vector<std::string> compare;  ///< "rdma", "socket", "p2p", "shm", "mpi", or a plugin's name; empty: the default
  /// Environments that are compared, each in processes of its own; NCCL alone.
  std::vector<collectives::Setting> a;
  std::vector<collectives::Setting> b;
  bool environments = false;            ///< --a or --b was given
  std::optional<std::string> required;  ///< a transport
  Verify verify = Verify::once;
  double compute_us = 0;                              ///< of the model, for one microbatch
  std::vector<collectives::Timing> timings;           ///< empty: what the backend can
  std::optional<std::chrono::milliseconds> duration;  ///< of each side, timing and size; unset: default_budget
  std::optional<std::uint64_t> iterations;            ///< of each side, timing and size
  std::optional<std::uint64_t> max_memory;            ///< bytes of a rank's buffers
  bool algorithms = false;                            ///< NCCL's algorithm and protocol of each size
  bool floor = true;                                  ///< with GPUs: the host backend beside NCCL
  std::optional<double> tok_s;                        ///< measured with an engine on `measured_on`
  std::optional<std::string> measured_on;
  std::optional<std::string> predicted_on;
  std::optional<double> accepted_tokens;
};

/// Time that a default run measures; with setting up and reporting it stays under 20 s.
inline constexpr std::chrono::milliseconds default_budget{12'000};

/// "rdma" for ib and roce, "socket" for tcp, "p2p" for nvlink; others in lower case.
std::string canonical_side(const std::string& word);

/// "NCCL_X=1,NCCL_IB_HCA=a,b": a piece without "=" belongs to the value before it. Throws InputError.
std::vector<collectives::Setting> parse_environment(const std::string& words);

/// "NCCL_X=1 NCCL_Y=2"; "no settings" of none.
std::string name_of(const std::vector<collectives::Setting>& environment);

}  // namespace rocekit::pattern
