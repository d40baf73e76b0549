#include "tools/roce-preflight/run/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <map>

#include "core/error.h"
#include "core/wire/wire.h"
#include "tools/nccl-pattern/judge/findings.h"
#include "tools/nccl-pattern/plan/gpus.h"
#include "tools/nccl-pattern/run/run.h"
#include "tools/roce-pingpong/judge/findings.h"
#include "tools/roce-pingpong/labels.h"
#include "tools/roce-pingpong/run/run.h"
#include "tools/roce-preflight/figures.h"
#include "tools/roce-preflight/judge/findings.h"
#include "tools/roce-preflight/run/nodes.h"
#include "tools/roce-preflight/run/plans.h"
#include "tools/roce-preflight/run/serving.h"

namespace rocekit::preflight {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// What ranks may take to come out of a step that has ended.
constexpr milliseconds leaving{3'000};
constexpr milliseconds most_reaching{1'500};
/// pattern::why_not_loadable() ends within half a minute.
constexpr milliseconds library_patience{35'000};

class Run {
 public:
  Run(session::Session& session, const RunOptions& options) : session_(session), options_(options) {}

  Report measure() {
    report_.settings =
        wire::decode<Settings>(session_.broadcast(wire::encode(options_.settings), 0, "telling what to judge"));
    times_ = times_of(report_.settings);
    if (leads()) require_traffic(report_.settings, session_.size());
    for (int rank = 0; rank < session_.size(); ++rank) report_.ranks.push_back(session_.name_of(rank));
    step(Step::probe, [&](const Share& share) { probe(share); });
    if (!refusal_.empty()) throw InputError(refusal_);
    // The same on all ranks, whoever failed.
    if (report_.steps.back().state != State::done) nodes_ = {};
    const bool one_node = nodes_.leaders.size() < 2;
    const std::string alone = one_node ? no_pair() : "";
    step(
        Step::compare, [&](const Share&) { add(leads() ? compare(report_.nodes) : std::vector<checks::Finding>()); },
        alone);
    step(
        Step::reach, [&](const Share& share) { reach(share); }, alone);
    const std::string no_way = session_.size() < 2 ? alone : no_way_between();
    step(
        Step::rails, [&](const Share& share) { rails(share); }, no_way);
    step(
        Step::collectives, [&](const Share& share) { collectives(share); }, no_way);
    if (leads()) conclude(report_, options_.baselines);
    report_.elapsed_s = std::chrono::duration<double>(steady_clock::now() - began_).count();
    return std::move(report_);
  }

 private:
  bool leads() const { return session_.rank() == 0; }

  std::string no_pair() const {
    if (nodes_.of_ranks.empty()) return "the nodes could not be read";
    return session_.size() == 1 ? "there is one rank" : "all ranks are on one node";
  }

  void add(const std::vector<checks::Finding>& findings) {
    report_.all.insert(report_.all.end(), findings.begin(), findings.end());
  }

  /// `why_not`: the same on all ranks; empty: it can be done.
  void step(Step step, const std::function<void(const Share&)>& work, const std::string& why_not = "") {
    StepRecord record;
    record.step = step;
    const auto began = steady_clock::now();
    if (!why_not.empty()) {
      record.why = why_not;
      report_.steps.push_back(record);
      return;
    }
    const Share share = agree_on(step);
    if (!share.fits) {
      record.why = "the time is up";
      report_.steps.push_back(record);
      return;
    }
    if (leads() && options_.progress) {
      options_.progress(static_cast<double>(step) / static_cast<double>(all_steps.size()), doing(step));
    }
    session_.begin_attempt(doing(step), share.limit);
    std::string error;
    try {
      work(share);
    } catch (const std::bad_alloc&) {
      error = "out of memory";
    } catch (const std::exception& failure) {
      error = failure.what();
    }
    record.why = session_.end_attempt(error, leaving);
    record.state = record.why.empty() ? State::done : State::failed;
    record.seconds = std::chrono::duration<double>(steady_clock::now() - began).count();
    if (step == Step::rails && report_.rails) record.measuring_s = measuring_s(*report_.rails);
    if (step == Step::collectives && report_.collectives) record.measuring_s = measuring_s(*report_.collectives);
    report_.steps.push_back(record);
  }

  /// Rank 0's clock decides.
  Share agree_on(Step step) {
    const auto elapsed = std::chrono::duration_cast<milliseconds>(steady_clock::now() - began_);
    Share share = share_of(step, elapsed, times_);
    wire::Writer writer;
    writer(share.fits, static_cast<std::int64_t>(share.limit.count()),
           static_cast<std::int64_t>(share.measuring.count()));
    const std::string told = session_.broadcast(writer.take(), 0, "sharing the time out");
    wire::Reader reader(told);
    std::int64_t limit = 0;
    std::int64_t measuring = 0;
    reader(share.fits, limit, measuring);
    share.limit = milliseconds(limit);
    share.measuring = milliseconds(measuring);
    return share;
  }

  void probe(const Share& share) {
    try {
      nodes_ = read_nodes(session_, options_.settings.serving, report_.settings.serving, share.limit);
    } catch (const ServingError& error) {
      refusal_ = error.what();
      throw;
    }
    report_.nodes = std::move(nodes_.read);
    for (const Node& node : report_.nodes) add(node.probe.findings);
  }

  void reach(const Share& share) {
    std::vector<pingpong::PathPlan> paths;
    std::string none;
    for (std::size_t i = 0; i < nodes_.leaders.size(); ++i) {
      for (std::size_t j = i + 1; j < nodes_.leaders.size(); ++j) {
        const auto a = static_cast<std::size_t>(nodes_.leaders[i]);
        const auto b = static_cast<std::size_t>(nodes_.leaders[j]);
        try {
          const auto pairing = pingpong::pair_paths(nodes_.of_ranks[a], nodes_.leaders[i], nodes_.of_ranks[b],
                                                    nodes_.leaders[j], pingpong::Settings{});
          paths.insert(paths.end(), pairing.paths.begin(), pairing.paths.end());
          most_paths_ = std::max(most_paths_, pairing.paths.size());
        } catch (const InputError& error) {
          if (none.empty()) none = error.what();
        }
      }
    }
    // The others are tried all the same.
    report_.crossings = cross(session_, paths, std::min(most_reaching, share.limit / 2));
    if (leads()) judge(report_.crossings, report_.all);
    if (!none.empty()) throw InputError(none);
  }

  /// Why there is no point in measuring between nodes, the same on all ranks: connections that cannot come about would
  /// be waited for until the time is up.
  std::string no_way_between() {
    if (nodes_.leaders.size() < 2) return {};
    return session_.broadcast(leads() ? why_blocked(report_.crossings) : "", 0, "telling what was reached");
  }

  void rails(const Share& share) {
    pingpong::RunOptions request;
    request.settings = rails_request(most_paths_, session_.size(), report_.settings.effort, share.measuring);
    request.may_widen_affinity = options_.may_widen_affinity;
    request.progress = within(Step::rails);
    pingpong::Report report = pingpong::run(session_, request);
    if (!leads()) return;
    pingpong::judge(report);
    const bool has_rdma = std::any_of(report.paths.begin(), report.paths.end(), pingpong::is_rdma);
    if (has_rdma && !request.settings.each_direction) {
      report_.notes.push_back("--quick: rails were measured in one direction (roce-probe explain ROCE-PAIR-022)");
    }
    report_.notes.insert(report_.notes.end(), report.notes.begin(), report.notes.end());
    report_.rails = std::move(report);
  }

  void collectives(const Share& share) {
    pattern::RunOptions request;
    const std::string nccl = nccl_of_serving();
    if (leads()) {
      const bool gpus = std::all_of(report_.nodes.begin(), report_.nodes.end(),
                                    [](const Node& node) { return !node.probe.node.gpus.empty(); });
      request.plan = collectives_request(report_.settings, session_.size(), gpus, share.measuring);
      if (report_.settings.require_rdma) request.plan.options.settings.required = "rdma";
    }
    request.plan.options.settings.nccl_library = nccl;
    request.may_widen_affinity = options_.may_widen_affinity;
    request.progress = within(Step::collectives);
    pattern::Report report = pattern::run(session_, request);
    if (!leads()) return;
    pattern::judge(report);
    report_.notes.insert(report_.notes.end(), report.notes.begin(), report.notes.end());
    report_.notes.insert(report_.notes.end(), report.function_only.begin(), report.function_only.end());
    report_.collectives = std::move(report);
  }

  /// The libnccl that serving has mapped on this rank's node, where all ranks can load theirs: versions must not mix.
  std::string nccl_of_serving() {
    if (!nodes_.nccl_named) return {};
    const std::string mine =
        nodes_.nccl.empty() ? "the process has loaded no NCCL" : pattern::why_not_loadable(nodes_.nccl);
    const auto problems = session_.allgather(mine, "trying NCCL's library", library_patience);
    const auto first = std::find_if(problems.begin(), problems.end(), [](const auto& why) { return !why.empty(); });
    if (first == problems.end()) return nodes_.nccl;
    if (leads()) {
      report_.notes.push_back(fmt::format("measured with the NCCL found here, not that of what serves: {}: {}",
                                          session_.name_of(static_cast<int>(first - problems.begin())), *first));
    }
    return {};
  }

  std::function<void(double, const std::string&)> within(Step step) const {
    if (!options_.progress || !leads()) return {};
    return [this, step](double share, const std::string& what) {
      options_.progress((static_cast<double>(step) + share) / static_cast<double>(all_steps.size()), what);
    };
  }

  session::Session& session_;
  const RunOptions& options_;
  const steady_clock::time_point began_ = steady_clock::now();
  Times times_;
  Nodes nodes_;
  std::string refusal_;  ///< of a process that was named
  std::size_t most_paths_ = 1;
  Report report_;
};

}  // namespace

Report run(session::Session& session, const RunOptions& options) { return Run(session, options).measure(); }

}  // namespace rocekit::preflight
