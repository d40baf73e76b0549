// A rule: facts in, findings out. Pure; reads nothing.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "probes/checks/finding.h"
#include "probes/derived/nccl_choice.h"
#include "probes/derived/rails.h"
#include "probes/facts/node_facts.h"

namespace rocekit::checks {

/// What the user expects; unset values follow from the hardware found.
struct Expectations {
  std::optional<int> mtu;             ///< --expect-mtu
  std::optional<double> rate_gbit_s;  ///< --expect-rate
};

/// All that a rule may look at.
struct NodeView {
  const facts::NodeFacts& node;
  const std::vector<derived::Rail>& rails;
  const derived::NcclChoice& nccl;
  const Expectations& expect;
  /// Set: `node` is what node.serving sees (derived/serving_view.h), and this is the node itself.
  const NodeView* node_side = nullptr;
};

struct Check;

/// Subject of a finding that is about no device, port or netdev of the node in particular.
inline constexpr const char* node_subject = "node";

/// Where a rule puts what it has to say; fills in the check's ID and the host.
class Verdicts {
 public:
  Verdicts(const Check& check, std::string host, std::vector<Finding>& out)
      : check_(check), host_(std::move(host)), out_(out) {}

  void ok(std::string subject, std::string title, std::vector<Evidence> evidence = {});
  /// The rule does not apply here: `why` says so ("no cable: Soft-RoCE").
  void skipped(std::string subject, std::string why);
  /// A fact that the rule needs could not be read. `remedy` tells how it can be read ("run as root").
  void unknown(std::string subject, std::string title, const facts::Missing& why, std::vector<std::string> remedy = {});
  void warning(std::string subject, std::string title, std::vector<Evidence> evidence, std::string cause,
               std::vector<std::string> remedy);
  void critical(std::string subject, std::string title, std::vector<Evidence> evidence, std::string cause,
                std::vector<std::string> remedy);

 private:
  void fault(Severity severity, std::string subject, std::string title, std::vector<Evidence> evidence,
             std::string cause, std::vector<std::string> remedy);
  void add(Finding finding);
  const Check& check_;
  std::string host_;
  std::vector<Finding>& out_;
};

/// What a check judges where a serving process is named (--pid, --container).
enum class Scope {
  node,      ///< the node itself, all the same
  process,   ///< that process in place of this tool's own
  settings,  ///< the same, by the settings in its environment: unknown where that could not be read
};

/// The one definition of a check ID; `list-checks`, `explain` and docs/checks come from here.
struct Check {
  std::string_view id;
  std::string_view title;    ///< the fault in a few words: "MTU below jumbo size"
  std::string_view meaning;  ///< what the fault does to serving and how it comes about; plain words, some sentences
  std::string_view judged;   ///< which values are compared with what, and when it is warning or critical
  std::string_view remedy;   ///< what to do in general, with example commands (findings carry the exact ones)
  bool essential;            ///< see Finding::essential
  /// Null: needs two ends or traffic, so another tool judges it (measured_checks.h); roce-probe explains it only.
  void (*run)(const NodeView& view, Verdicts& verdicts);
  Scope scope = Scope::node;
};

/// All checks, in order of ID within the order of areas.
std::span<const Check> all_checks();
/// nullptr for an unknown ID; case-insensitive.
const Check* find_check(std::string_view id);

/// Runs the given checks. A rule that throws becomes an unknown finding ("the check itself failed: ...");
/// a rule that says nothing becomes skipped. Checks that other tools judge say nothing.
std::vector<Finding> run_checks(std::span<const Check* const> checks, const NodeView& view);

}  // namespace rocekit::checks
