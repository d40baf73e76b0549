// What NCCL reads when it is first used in a process, set before: settings of a side, its network, and where it logs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collectives/engine/side.h"

namespace rocekit::collectives {

/// NCCL reads most variables once a process, and has one log a process. The log goes to a file in memory
/// (memfd_create) that nobody else can open and nothing is left of; each side keeps what was written while it was at
/// work. So sides in one process connect and run one at a time (the session's order sees to it).
///
/// A user's own wishes stand: with NCCL_DEBUG_FILE set the log goes there, and log() is empty; what NCCL_DEBUG asks for
/// is copied to standard error.
class NcclEnvironment {
 public:
  /// Sets the variables; before NCCL is loaded, and while no other thread reads or sets any.
  explicit NcclEnvironment(const SideRequest& request);

  /// NCCL_NET as this side needs it, before a communicator is made: the environment's value overrides a communicator's
  /// own network.
  void apply_network() const;

  /// The side is at work: what is logged meanwhile is its own.
  class Scope {
   public:
    explicit Scope(NcclEnvironment& environment);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    NcclEnvironment& environment_;
    std::size_t begin_ = 0;
  };

  /// At most 16 MiB; of equal lines about launches (subsystem TUNING writes one each) the first hundred.
  const std::string& log() const { return log_; }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  /// True: one of them names a network.
  bool note_conf_files();
  void keep(std::string_view text);

  std::optional<std::string> network_;  ///< NCCL_NET
  std::string log_;
  std::map<std::string, std::uint64_t> launches_;  ///< how often each line was logged
  std::vector<std::string> notes_;
};

/// Lines "NAME=VALUE" of an NCCL conf file, as NCCL takes them (src/misc/param.cc, setEnvFile): a '#' in the first
/// column starts a comment, a line without '=' is skipped.
std::vector<std::pair<std::string, std::string>> read_nccl_conf(const std::string& text);

}  // namespace rocekit::collectives
