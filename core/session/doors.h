// The doors through which a process comes into a session.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/session/session.h"

namespace rocekit::session {

/// What the user asked for on the command line; at most one door is set. All tools take the same options.
struct DoorOptions {
  std::optional<std::string> listen;       ///< --listen [ADDR[:PORT]]; empty: all addresses, any free port
  std::optional<std::string> join;         ///< --join TOKEN@ADDR:PORT, or "-": the session runs over stdin and stdout
  std::vector<std::string> via;            ///< --via LAUNCHER HOST[,HOST...]: {"ssh", "spark-2"}
  bool local = false;                      ///< --local
  int ranks = 2;                           ///< --ranks N: of --listen and --local
  std::chrono::milliseconds wait{60'000};  ///< --wait: how long --listen waits for all peers
};

struct DoorContext {
  std::string tool;                    ///< "roce-pingpong": named in lines to paste and in refusals
  std::string version;                 ///< full version with commit; must be equal on all ranks
  std::vector<std::string> arguments;  ///< this run's arguments without the door's: for the remote end of --via
  /// Shown to the user while waiting ("On the other node run: ..."); goes to stderr.
  std::function<void(const std::string& line)> say;
  /// Under mpirun and srun: gives rank 0's bytes to all ranks; the others' are ignored, and all are of one length. Else
  /// MPI does it in a child process that ends with that. For a tool that needs MPI itself: a launcher lets MPI start
  /// once only on each rank. Called in a thread of its own, which is left behind when it does not end in time; throws
  /// std::exception with a sentence.
  std::function<std::string(int rank, int size, std::string bytes)> courier = {};
};

enum class Door { launched, listen, join, via, local, none };
/// Which door open() would take: an option, else a launcher's environment (Open MPI's, PMIx's or Slurm's rank
/// variables, more than one rank), else none.
Door door_of(const DoorOptions& options);

/// Opens the session. Throws InputError for options that cannot be used (with what to do), SessionError when the
/// peers do not come in time, are refused, or run another version. Blocks SIGINT, SIGTERM and SIGHUP in this process
/// and takes them over for the session; ignores SIGPIPE. Call before other threads are started: --local forks.
Session open(const DoorOptions& options, const DoorContext& context);

}  // namespace rocekit::session
