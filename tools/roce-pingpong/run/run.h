// A whole run: from an open session to the report.
#pragma once

#include <functional>
#include <string>

#include "core/session/session.h"
#include "tools/roce-pingpong/result.h"
#include "tools/roce-pingpong/settings.h"

namespace rocekit::pingpong {

struct RunOptions {
  Settings settings;                ///< rank 0's hold for all
  bool may_widen_affinity = false;  ///< a launcher bound this process to fewer CPUs than it has lanes
  std::function<void(double share, const std::string& what)> progress;
};

/// All ranks call it. The report is complete on rank 0: door, arguments, started_at, findings and verdict are left to
/// the caller. Throws InputError (nothing that was asked for can be measured), MeasureError (with what this
/// rank's links say by now), session::SessionError.
Report run(session::Session& session, const RunOptions& options);

}  // namespace rocekit::pingpong
