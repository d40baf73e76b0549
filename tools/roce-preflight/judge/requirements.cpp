// Steps that are not done, and what the command line demands.
#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <set>

#include "tools/roce-pingpong/judge/judging.h"
#include "tools/roce-pingpong/labels.h"
#include "tools/roce-preflight/judge/findings.h"

namespace rocekit::preflight {
namespace {

using checks::Evidence;
using checks::Finding;
using pingpong::verdicts_of;

constexpr const char* limit_check = "ROCE-PERF-015";
constexpr const char* step_check = "ROCE-PERF-016";
constexpr const char* silent_check = "ROCE-PAIR-003";
constexpr const char* loss_check = "ROCE-PERF-003";

/// The check that a sentence names ("...; roce-probe explain ROCE-PAIR-003"); empty: none.
std::string check_in(const std::string& sentence) {
  static const std::regex id("ROCE-[A-Z]+-[0-9]{3}");
  std::smatch found;
  return std::regex_search(sentence, found, id) && checks::find_check(found.str()) != nullptr ? found.str() : "";
}

bool is_known(const std::vector<Finding>& findings, const std::string& id) {
  return std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) {
    return finding.id == id &&
           (finding.severity == checks::Severity::critical || finding.severity == checks::Severity::warning);
  });
}

bool rdma_crossed(const Report& report) {
  return std::any_of(report.figures.begin(), report.figures.end(),
                     [](const Figure& figure) { return figure.rdma && figure.proof == "proven"; });
}

/// The check that explains why a step failed: no answer, by what reaching the rails has found. Where nothing is
/// acknowledged on a rail that IP crosses well, it is what filters RoCE alone; or, where another step's RDMA came
/// across, packets that are lost on the way.
std::string check_of(const std::string& why, const Report& report) {
  const bool silent = why.find("IBV_WC_RETRY_EXC_ERR") != std::string::npos;
  if (silent || why.find("ETIMEDOUT") != std::string::npos) {
    for (const char* id : {silent_check, "ROCE-PAIR-019", "ROCE-PAIR-020"}) {
      if (is_known(report.all, id)) return id;
    }
  }
  const bool crossed = !report.crossings.empty() &&
                       std::all_of(report.crossings.begin(), report.crossings.end(), [](const Crossing& crossing) {
                         return crossing.tcp.empty() && crossing.full_arrived;
                       });
  if (silent && rdma_crossed(report)) return loss_check;
  return silent && crossed ? silent_check : check_in(why);
}

void blame(const std::string& id, const StepRecord& record, const std::string& what, std::vector<Finding>& out) {
  std::string title = what;
  std::string cause = std::string(checks::find_check(id)->title) + ".";
  std::vector<std::string> remedy{"roce-probe explain " + id};
  if (id == silent_check) {
    title = "TCP and datagrams reach the other end of each rail, and RDMA does not";
    cause =
        "Packets of RoCE v2 go to UDP port 4791: a firewall, an access list of a switch or another RDMA address "
        "than the IP address keeps them out.";
    remedy = {"# on both nodes: what filters", "sudo nft list ruleset", "sudo iptables -S",
              "# and let RoCE in:", "sudo iptables -I INPUT -p udp --dport 4791 -j ACCEPT"};
  } else if (id == loss_check) {
    title = "RDMA crosses the rails, and a connection gave up after many retries";
    cause = "So many packets are lost on the way that resending does not help. Where NCCL meets this, serving ends.";
    remedy = {"# on both nodes, while traffic runs: which counters grow",
              "grep -H . /sys/class/infiniband/*/ports/*/hw_counters/*", "roce-probe explain ROCE-PERF-003"};
  }
  verdicts_of(id, "", out)
      .critical(to_string(record.step), title, {{to_string(record.step), record.why, ""}}, cause, remedy);
}

void tell_short(const std::string& subject, const std::string& title, std::vector<Evidence> evidence,
                std::vector<Finding>& out) {
  verdicts_of(limit_check, "", out)
      .critical(subject, title, std::move(evidence),
                "The command line demands it, and what was measured is short of it.",
                {"roce-probe", "roce-pingpong -v"});
}

/// --min-fraction, of a bandwidth.
void judge_fraction(const Figure& figure, double least, std::vector<Finding>& out) {
  if (figure.fraction_of_bound) {
    if (*figure.fraction_of_bound >= least) return;
    tell_short(figure.rail,
               fmt::format("{}: {} of the bound, and --min-fraction is {:g}", figure.rail,
                           pingpong::percent(*figure.fraction_of_bound), least),
               {{"bandwidth", pingpong::gigabits(figure.rdma.value_or(0)) + " Gb/s", "RC"},
                {"bound", pingpong::gigabits(figure.bound_gbit_s.value_or(0)) + " Gb/s", ""}},
               out);
    return;
  }
  const std::string why = figure.bound_gbit_s ? "its bandwidth over RDMA was not measured"
                                              : "no bound is known of it: Soft-RoCE and TCP have none, and of an "
                                                "adapter the rate of the link or of PCIe was not read";
  verdicts_of(limit_check, "", out)
      .unknown(figure.rail,
               fmt::format("{}: whether it carries --min-fraction {:g} of its bound is not known", figure.rail, least),
               {facts::Why::not_read, why}, {"roce-probe", "or without --min-fraction"});
}

}  // namespace

void judge_steps(const Report& report, std::vector<Finding>& out) {
  for (const StepRecord& record : report.steps) {
    if (record.state == State::done) continue;
    const std::string what =
        fmt::format("{} {}", doing(record.step), record.state == State::failed ? "failed" : "was not done");
    const std::string id = record.state == State::failed ? check_of(record.why, report) : "";
    const bool known = id != loss_check && (is_known(report.all, id) || is_known(out, id));
    if (!id.empty() && !known) blame(id, record, what, out);
    verdicts_of(step_check, "", out)
        .unknown(to_string(record.step),
                 id.empty() ? fmt::format("{}: {}", what, record.why) : fmt::format("{}: see {}", what, id),
                 {facts::Why::not_read, id.empty() ? record.why : "see " + id});
  }
}

void judge_requirements(const Report& report, std::vector<Finding>& out) {
  const Settings& settings = report.settings;
  const auto fail = [&](const std::string& subject, const std::string& title, std::vector<Evidence> evidence) {
    tell_short(subject, title, std::move(evidence), out);
  };
  std::set<std::string> rails;
  for (const Figure& figure : report.figures) {
    if (!figure.rail.empty() && (figure.rdma || figure.rdma_least) && figure.kind == Figure::Kind::latency) {
      rails.insert(figure.rail);
    }
    if (settings.max_latency_us && figure.kind == Figure::Kind::latency && figure.size_bytes <= 8 &&
        !figure.proof.empty()) {
      const std::optional<double> value = figure.rdma ? figure.rdma : figure.rdma_least;
      const std::string least = figure.rdma ? "" : " at least";
      if (value && *value > *settings.max_latency_us) {
        fail(figure.rail,
             fmt::format("{}:{} {} us at {}, and --max-latency-us is {:g}", figure.rail, least,
                         pingpong::microseconds(*value), figure.what, *settings.max_latency_us),
             {{figure.rdma ? "p50" : "fastest", pingpong::microseconds(*value) + " us", "RC"}});
      } else if (!figure.rdma) {
        verdicts_of(limit_check, "", out)
            .unknown(figure.rail,
                     fmt::format("{}: whether {} takes at most --max-latency-us {:g} is not known", figure.rail,
                                 figure.what, *settings.max_latency_us),
                     {facts::Why::not_read, "too few messages crossed in the time to know their median"},
                     {"roce-preflight --full"});
      }
    }
    if (settings.min_fraction && figure.kind == Figure::Kind::bandwidth)
      judge_fraction(figure, *settings.min_fraction, out);
  }
  // Steps that did not run say so themselves: a requirement that nobody looked at is unknown, not broken.
  if (!report.rails) return;
  if (settings.require_rdma && rails.empty()) fail("rdma", "--require rdma: no rail carried RDMA", {});
  const std::size_t paths = static_cast<std::size_t>(
      std::count_if(report.rails->paths.begin(), report.rails->paths.end(),
                    [](const pingpong::Path& path) { return pingpong::is_rdma(path) && path.path_mtu > 0; }));
  if (settings.require_both_rails && (paths < 2 || !report.rails->unpaired.empty())) {
    std::vector<Evidence> evidence{{"rails that carry RDMA", fmt::format("{}", paths), ""}};
    for (const auto& item : report.rails->unpaired) {
      evidence.push_back({fmt::format("{} of {}", pingpong::port_name(item.end), item.end.host), item.why, ""});
    }
    fail("rails", fmt::format("--require both-rails: {} of two or more carr{} RDMA", paths, paths == 1 ? "ies" : "y"),
         std::move(evidence));
  }
}

}  // namespace rocekit::preflight
