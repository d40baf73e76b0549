#include "probes/checks/check.h"

#include <fmt/format.h>

#include <exception>

#include "probes/checks/evidence.h"
#include "probes/derived/serving_view.h"

namespace rocekit::checks {
namespace {

void run_one(const Check& check, const NodeView& view, Verdicts& verdicts) {
  // One rule that trips over a node nobody thought of must not take the report of all the others with it.
  try {
    check.run(view, verdicts);
  } catch (const std::exception& error) {
    verdicts.unknown(
        node_subject, fmt::format("the check itself failed: {}", error.what()), {facts::Why::failed, error.what()},
        {"# please report this with a saved copy of this node:", "roce-probe --save node-to-report --anonymize"});
  }
}

}  // namespace

void Verdicts::add(Finding finding) {
  finding.id = check_.id;
  finding.host = host_;
  finding.essential = check_.essential;
  out_.push_back(std::move(finding));
}

void Verdicts::ok(std::string subject, std::string title, std::vector<Evidence> evidence) {
  Finding finding;
  finding.severity = Severity::ok;
  finding.subject = std::move(subject);
  finding.title = std::move(title);
  finding.evidence = std::move(evidence);
  add(std::move(finding));
}

void Verdicts::skipped(std::string subject, std::string why) {
  Finding finding;
  finding.severity = Severity::skipped;
  finding.subject = std::move(subject);
  finding.title = std::move(why);
  add(std::move(finding));
}

void Verdicts::unknown(std::string subject, std::string title, const facts::Missing& why,
                       std::vector<std::string> remedy) {
  Finding finding;
  finding.severity = Severity::unknown;
  finding.subject = std::move(subject);
  finding.title = std::move(title);
  finding.cause = why.detail.empty() ? fmt::format("could not be read ({})", to_string(why.why)) : why.detail;
  finding.remedy = std::move(remedy);
  add(std::move(finding));
}

void Verdicts::warning(std::string subject, std::string title, std::vector<Evidence> evidence, std::string cause,
                       std::vector<std::string> remedy) {
  fault(Severity::warning, std::move(subject), std::move(title), std::move(evidence), std::move(cause),
        std::move(remedy));
}

void Verdicts::critical(std::string subject, std::string title, std::vector<Evidence> evidence, std::string cause,
                        std::vector<std::string> remedy) {
  fault(Severity::critical, std::move(subject), std::move(title), std::move(evidence), std::move(cause),
        std::move(remedy));
}

void Verdicts::fault(Severity severity, std::string subject, std::string title, std::vector<Evidence> evidence,
                     std::string cause, std::vector<std::string> remedy) {
  Finding finding;
  finding.severity = severity;
  finding.subject = std::move(subject);
  finding.title = std::move(title);
  finding.evidence = std::move(evidence);
  finding.cause = std::move(cause);
  finding.remedy = std::move(remedy);
  add(std::move(finding));
}

std::vector<Finding> run_checks(std::span<const Check* const> checks, const NodeView& view) {
  std::vector<Finding> findings;
  const std::string host = view.node.host.hostname.value_or("this node");
  for (const Check* check : checks) {
    if (check->run == nullptr) continue;
    const std::size_t before = findings.size();
    Verdicts verdicts(*check, host, findings);
    const bool of_process = view.node_side != nullptr && check->scope != Scope::node;
    if (of_process && check->scope == Scope::settings && !view.node.serving->environment) {
      verdicts.unknown(node_subject, "the settings of the process could not be read",
                       view.node.serving->environment.missing(), rerun_as_root(view.node, check->id));
    } else {
      run_one(*check, view.node_side != nullptr && !of_process ? *view.node_side : view, verdicts);
    }
    if (findings.size() == before) verdicts.skipped(node_subject, "nothing on this node for this check to judge");
    if (!of_process) continue;
    for (std::size_t i = before; i < findings.size(); ++i) {
      if (findings[i].subject == node_subject) findings[i].subject = derived::name_of(*view.node.serving);
    }
  }
  return findings;
}

}  // namespace rocekit::checks
