// What a check says about a node.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rocekit::checks {

enum class Severity { ok, skipped, unknown, warning, critical };
const char* to_string(Severity severity);
/// Order among the findings of one check: skipped, ok, unknown, warning, critical. One that passed somewhere and was
/// skipped elsewhere has passed.
int weight(Severity severity);

/// A value that was read and where: {"MTU", "1500", "/sys/class/net/enp1s0f0np0/mtu"}.
struct Evidence {
  std::string what;
  std::string value;
  std::string source;
  friend bool operator==(const Evidence&, const Evidence&) = default;
};

struct Finding {
  std::string id;  ///< "ROCE-MTU-001"
  Severity severity = Severity::ok;
  std::string host;
  std::string subject;  ///< "rocep1s0f0", "enp1s0f0np0", "node", "rail 0"
  std::string title;    ///< one line that says what is so: "MTU of enp1s0f0np0 is 1500, not 9000"
  std::vector<Evidence> evidence;
  std::string cause;                ///< plain words: why it is so and what it costs
  std::vector<std::string> remedy;  ///< commands to paste, for this device and file; lines starting "# " are remarks
  bool essential = true;            ///< an unknown finding of an essential check makes the verdict unknown
  friend bool operator==(const Finding&, const Finding&) = default;
};

enum class Verdict { ready, degraded, not_ready, unknown };
const char* to_string(Verdict verdict);  ///< "ready", "degraded", "not-ready", "unknown"

/// critical -> not_ready; else an essential unknown, or nothing but skipped findings -> unknown; else warning ->
/// degraded; else ready.
Verdict judge(const std::vector<Finding>& findings);

}  // namespace rocekit::checks
