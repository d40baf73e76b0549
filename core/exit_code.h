// Exit codes of all tools; scripts gate on them.
#pragma once

namespace rocekit {

enum class ExitCode : int {
  ready = 0,     ///< ready, or measured and within expectations
  warning = 1,   ///< degraded
  critical = 2,  ///< not ready, or proof contradicts the request
  unknown = 3,   ///< could not check or measure, usage error, bad input, peer lost
};

}  // namespace rocekit
