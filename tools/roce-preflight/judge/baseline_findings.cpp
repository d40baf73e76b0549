#include "tools/roce-preflight/judge/baseline_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "tools/nccl-pattern/labels.h"
#include "tools/roce-pingpong/judge/judging.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::preflight {
namespace {

using checks::Evidence;
using checks::Finding;
using checks::Severity;
using pingpong::verdicts_of;
using Outcome = measure::Change::Outcome;

constexpr const char* unfit_check = "ROCE-PERF-020";
constexpr std::size_t most_told = 12;

const char* check_of(Quantity::Kind kind) {
  switch (kind) {
    case Quantity::Kind::latency:
      return "ROCE-PERF-017";
    case Quantity::Kind::bandwidth:
      return "ROCE-PERF-018";
    case Quantity::Kind::time:
      break;
  }
  return "ROCE-PERF-019";
}

std::string value_of(const Quantity& quantity, double value) {
  switch (quantity.kind) {
    case Quantity::Kind::latency:
      return pingpong::microseconds(value) + " us";
    case Quantity::Kind::bandwidth:
      return pingpong::gigabits(value) + " Gb/s";
    case Quantity::Kind::time:
      break;
  }
  return pattern::duration(value);
}

std::string interval_of(const measure::Change& change) {
  if (change.low <= 0) return "";
  return fmt::format(", {:.2f}-{:.2f} by its blocks", change.low, change.high);
}

Evidence evidence_of(const Compared& compared) {
  const measure::Change& change = compared.change;
  const std::string rule = change.by_spread ? fmt::format("slower counts from {:.2f}x, by what {} runs differ",
                                                          change.limit, change.runs - change.left_out)
                                            : fmt::format("slower counts from {:.2f}x, a margin: {} in the baseline",
                                                          change.limit, pattern::plural(change.runs, "run"));
  return {name_of(compared.quantity),
          fmt::format("{}, before {}: {:.2f}x slower{}", value_of(compared.quantity, change.now),
                      value_of(compared.quantity, change.before), change.slowdown, interval_of(change)),
          rule};
}

std::string subject_of(const Quantity& quantity, std::size_t nodes) {
  if (quantity.kind == Quantity::Kind::time) return "collectives";
  return nodes > 2 ? fmt::format("{} {}-{}", quantity.rail, quantity.from, quantity.to) : quantity.rail;
}

std::string cause_of(const std::vector<std::string>& changes) {
  return changes.empty() ? "Nothing that was read of the nodes has changed since: look at what is not read: other "
                           "programs on cores and rails, heat, a cable that was moved, a switch."
                         : "Since the baseline the nodes have changed, see above: one of these is the likely cause, or "
                           "what came with it.";
}

void add_changes(const std::vector<std::string>& changes, std::vector<Evidence>& evidence) {
  for (std::size_t i = 0; i < changes.size() && i < most_told; ++i) evidence.push_back({"changed", changes[i], ""});
  if (changes.size() > most_told) {
    evidence.push_back({"changed", fmt::format("and {} more: --json has all", changes.size() - most_told), ""});
  }
}

void say_slower(const std::string& subject, std::vector<const Compared*> slower, const BaselineOutcome& baseline,
                std::vector<Finding>& out) {
  std::stable_sort(slower.begin(), slower.end(),
                   [](const Compared* a, const Compared* b) { return a->change.slowdown > b->change.slowdown; });
  std::vector<Evidence> evidence;
  for (const Compared* one : slower) {
    if (evidence.size() < most_told) evidence.push_back(evidence_of(*one));
  }
  evidence.push_back({"baseline",
                      fmt::format("{}, {} to {}", pattern::plural(baseline.runs, "run"), baseline.first, baseline.last),
                      baseline.file});
  add_changes(baseline.changes, evidence);
  const Compared& worst = *slower.front();
  verdicts_of(check_of(worst.quantity.kind), "", out)
      .warning(
          subject,
          fmt::format("{}: {} where the baseline has {}{}", name_of(worst.quantity),
                      value_of(worst.quantity, worst.change.now), value_of(worst.quantity, worst.change.before),
                      slower.size() > 1 ? fmt::format(", and {} more", slower.size() - 1) : ""),
          std::move(evidence), cause_of(baseline.changes),
          {"# on each node: what is wrong with it now", "roce-probe", "# both sides in detail:", "roce-pingpong -v",
           fmt::format("# if this is how it is to be from now on: mv {0} {0}.old, and save a new one with "
                       "--save-baseline",
                       baseline.file)});
}

bool is_done(const Report& report, Step step) {
  return std::any_of(report.steps.begin(), report.steps.end(),
                     [&](const StepRecord& record) { return record.step == step && record.state == State::done; });
}

/// What --quick leaves out is no gap.
bool is_left_out(const Report& report, const Quantity& quantity) {
  return quantity.what.ends_with(in_turn) && report.settings.effort == Effort::quick;
}

const Quantity* find(const std::vector<Quantity>& list, const Quantity& wanted) {
  const auto at = std::find_if(list.begin(), list.end(), [&](const Quantity& q) { return q.is_same(wanted); });
  return at == list.end() ? nullptr : &*at;
}

/// What the last run of the baseline measured and this one did not, though its step was done.
std::vector<std::string> gaps_of(const Report& report, const SavedRun& last, const SavedRun& now) {
  std::vector<std::string> gaps;
  for (const Quantity& quantity : last.quantities) {
    const Step step = quantity.kind == Quantity::Kind::time ? Step::collectives : Step::rails;
    if (!is_done(report, step) || is_left_out(report, quantity) || find(now.quantities, quantity) != nullptr) continue;
    gaps.push_back(name_of(quantity));
  }
  return gaps;
}

void say_unfit(const BaselineFiles& files, const std::string& title, std::vector<Evidence> evidence,
               std::vector<Finding>& out) {
  verdicts_of(unfit_check, "", out)
      .unknown("baseline", title, {facts::Why::not_read, files.compare},
               {"# a baseline of these nodes and this traffic:",
                fmt::format("roce-preflight ... --save-baseline {}.new", files.compare)});
  out.back().evidence = std::move(evidence);
}

void compare(const Baseline& past, const SavedRun& now, BaselineOutcome& outcome) {
  for (const Quantity& quantity : now.quantities) {
    std::vector<std::vector<double>> runs;
    bool soft = now.function_only;
    for (const SavedRun& run : past.runs) {
      const Quantity* same = find(run.quantities, quantity);
      if (same == nullptr) continue;
      runs.push_back(same->blocks);
      soft = soft || run.function_only;
    }
    if (runs.empty()) continue;
    const auto better = quantity.kind == Quantity::Kind::bandwidth ? measure::Better::higher : measure::Better::lower;
    measure::Change change = measure::against_runs(runs, quantity.blocks, better, margins_of(quantity, soft));
    // No margin holds what swings by whole factors from run to run.
    if (soft && !change.by_spread) change.outcome = Outcome::unknown;
    outcome.compared.push_back({quantity, change});
  }
}

}  // namespace

measure::Margins margins_of(const Quantity& quantity, bool function_only) {
  // Software RDMA and nodes on one host swing by whole factors with whatever else the processors do.
  if (function_only) return {1.5, 1.5};
  // Sockets pass the kernel, whose scheduling differs from run to run.
  if (quantity.transport != "rdma")
    return quantity.kind == Quantity::Kind::bandwidth ? measure::Margins{1.4, 1.15} : measure::Margins{1.5, 1.15};
  return quantity.kind == Quantity::Kind::bandwidth ? measure::Margins{1.10, 1.04} : measure::Margins{1.25, 1.08};
}

std::vector<std::string> changes_between(const SavedRun& before, const SavedRun& now) {
  using Key = std::tuple<std::string, std::string, std::string>;
  const auto map_of = [](const SavedRun& run) {
    std::map<Key, std::string> facts;
    for (const SavedFact& fact : run.facts) facts[{fact.host, fact.subject, fact.what}] = fact.value;
    return facts;
  };
  const auto old_facts = map_of(before);
  const auto new_facts = map_of(now);
  std::set<Key> keys;
  for (const auto& [key, value] : old_facts) keys.insert(key);
  for (const auto& [key, value] : new_facts) keys.insert(key);
  std::vector<std::string> changes;
  if (before.tool_version != now.tool_version) {
    changes.push_back(fmt::format("roce-preflight: {} -> {}", before.tool_version, now.tool_version));
  }
  for (const Key& key : keys) {
    const auto& [host, subject, what] = key;
    const auto was = old_facts.find(key);
    const auto is = new_facts.find(key);
    const std::string then = was == old_facts.end() ? "not there" : was->second;
    const std::string today = is == new_facts.end() ? "not there" : is->second;
    if (then == today) continue;
    changes.push_back(subject.empty() ? fmt::format("{} of {}: {} -> {}", what, host, then, today)
                                      : fmt::format("{} of {} on {}: {} -> {}", what, subject, host, then, today));
  }
  return changes;
}

void judge_baseline(Report& report, const BaselineFiles& files, std::vector<Finding>& out) {
  BaselineOutcome& outcome = report.baseline;
  outcome.saved_to = files.save;
  if (!files.past) return;
  const Baseline& past = *files.past;
  const Baseline now = baseline_of(report);
  const SavedRun& today = now.runs.front();
  outcome.file = files.compare;
  outcome.runs = past.runs.size();
  outcome.first = past.runs.front().started_at;
  outcome.last = past.runs.back().started_at;
  // Steps that were not done say so themselves; without nodes there is nothing to say more.
  outcome.why_not = report.nodes.empty() ? "the nodes could not be read" : why_other(past, now);
  if (!outcome.why_not.empty()) {
    say_unfit(files, fmt::format("{} does not fit this run: {}", files.compare, outcome.why_not), {}, out);
    return;
  }
  outcome.changes = changes_between(past.runs.back(), today);
  compare(past, today, outcome);
  const std::vector<std::string> gaps = gaps_of(report, past.runs.back(), today);
  if (outcome.compared.empty() || !gaps.empty()) {
    std::vector<Evidence> evidence;
    for (std::size_t i = 0; i < gaps.size() && i < most_told; ++i) evidence.push_back({"not measured", gaps[i], ""});
    add_changes(outcome.changes, evidence);
    if (outcome.compared.empty()) outcome.why_not = "nothing that it holds was measured";
    say_unfit(files,
              outcome.compared.empty() ? fmt::format("nothing that {} holds was measured in this run", files.compare)
                                       : fmt::format("{} of what {} holds {} not measured in this run: {}", gaps.size(),
                                                     files.compare, gaps.size() == 1 ? "was" : "were", gaps.front()),
              std::move(evidence), out);
  }
  std::map<std::pair<std::string, std::string>, std::vector<const Compared*>> slower;
  std::map<std::string, std::size_t> fine;
  for (const Compared& one : outcome.compared) {
    if (one.change.outcome == Outcome::slower) {
      slower[{check_of(one.quantity.kind), subject_of(one.quantity, report.nodes.size())}].push_back(&one);
    } else if (one.change.outcome != Outcome::unknown) {
      ++fine[check_of(one.quantity.kind)];
    }
  }
  for (const auto& [key, list] : slower) {
    say_slower(key.second, list, outcome, out);
    fine.erase(key.first);
  }
  const auto unknown =
      static_cast<std::size_t>(std::count_if(outcome.compared.begin(), outcome.compared.end(), [](const Compared& one) {
        return one.change.outcome == Outcome::unknown;
      }));
  if (unknown > 0) {
    report.notes.push_back(fmt::format(
        "{} not judged: over Soft-RoCE and on one host speeds swing by factors, and {} holds fewer than {} runs",
        unknown == 1 ? "1 figure was" : fmt::format("{} figures were", unknown), files.compare, measure::enough_runs));
  }
  for (const auto& [check, count] : fine) {
    verdicts_of(check, "", out).ok("baseline", fmt::format("{} as in the baseline", pattern::plural(count, "figure")));
  }
}

void choose_what_to_save(Report& report, const BaselineFiles& files) {
  if (files.save.empty()) return;
  BaselineOutcome& outcome = report.baseline;
  outcome.saved_to = files.save;
  Baseline now = baseline_of(report);
  std::string bad;
  for (const Found& found : report.findings) {
    const std::string& id = found.finding.id;
    const bool slower = id == "ROCE-PERF-017" || id == "ROCE-PERF-018" || id == "ROCE-PERF-019";
    const bool critical = found.finding.severity == Severity::critical && id.rfind("ROCE-PERF-", 0) == 0;
    if (bad.empty() && (critical || slower || id == "ROCE-PAIR-022")) bad = id;
  }
  if (now.runs.front().quantities.empty()) {
    outcome.why_not_saved = "nothing was measured";
  } else if (!bad.empty()) {
    outcome.why_not_saved = fmt::format("{} says that it is not what these nodes can do", bad);
  } else if (files.to_extend) {
    const std::string other = why_other(*files.to_extend, now);
    if (!other.empty()) outcome.why_not_saved = fmt::format("{} does not fit it: {}", files.save, other);
  }
  if (!outcome.why_not_saved.empty()) {
    report.notes.push_back(fmt::format("the run was not saved to {}: {}", files.save, outcome.why_not_saved));
    return;
  }
  if (!files.to_extend) {
    outcome.to_save = std::move(now);
  } else {
    outcome.to_save = files.to_extend;
    add_run(*outcome.to_save, std::move(now.runs.front()));
  }
  report.notes.push_back(
      fmt::format("saved to {}, which now holds {}", files.save, pattern::plural(outcome.to_save->runs.size(), "run")));
}

}  // namespace rocekit::preflight
