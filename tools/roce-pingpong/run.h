// A whole run: from an open session to the report.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

#include "core/session/session.h"
#include "tools/roce-pingpong/result.h"
#include "tools/roce-pingpong/settings.h"

namespace rocekit::pingpong {

/// A transport broke or could not be set up: one sentence, with what this rank's links say by now.
class MeasureError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct RunOptions {
  Settings settings;                ///< rank 0's hold for all
  bool may_widen_affinity = false;  ///< a launcher bound this process to fewer CPUs than it has lanes
  std::function<void(double share, const std::string& what)> progress;
};

/// All ranks call it. The report is complete on rank 0: door, arguments, started_at, findings and verdict are left to
/// the caller. Throws InputError (nothing that was asked for can be measured), MeasureError, session::SessionError.
Report run(session::Session& session, const RunOptions& options);

}  // namespace rocekit::pingpong
