// A whole run: from an open session to the report.
#pragma once

#include <functional>
#include <string>

#include "core/session/session.h"
#include "tools/nccl-pattern/result.h"

namespace rocekit::pattern {

struct RunOptions {
  Plan plan;                        ///< rank 0's holds for all, with its settings
  bool may_widen_affinity = false;  ///< a launcher bound this process to fewer CPUs than its host has ranks
  std::function<void(double share, const std::string& what)> progress;
};

/// All ranks call it, before threads, CUDA and NCCL are started in this process: sides of other settings are forked.
/// The report is complete on rank 0: door, arguments, started_at, findings and verdict are left to the caller. Throws
/// InputError (what was asked for cannot be measured), MeasureError, session::SessionError.
Report run(session::Session& session, const RunOptions& options);

}  // namespace rocekit::pattern
