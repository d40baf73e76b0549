// A whole run: from an open session to the judged report.
#pragma once

#include <functional>
#include <string>

#include "core/session/session.h"
#include "tools/roce-preflight/judge/baseline_findings.h"
#include "tools/roce-preflight/result.h"

namespace rocekit::preflight {

struct RunOptions {
  Settings settings;                ///< rank 0's hold for all
  BaselineFiles baselines;          ///< on rank 0
  bool may_widen_affinity = false;  ///< as pingpong::RunOptions has it
  std::function<void(double share, const std::string& what)> progress;
};

/// All ranks call it. What a step cannot do is a finding, and the steps that still can follow. The report is complete
/// on rank 0: door, arguments and started_at are left to the caller. Throws InputError (no such model or mode),
/// session::SessionError (a peer was lost, an interrupt).
Report run(session::Session& session, const RunOptions& options);

}  // namespace rocekit::preflight
