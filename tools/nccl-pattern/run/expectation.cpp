#include "tools/nccl-pattern/run/expectation.h"

#include <algorithm>

namespace rocekit::pattern {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::seconds connecting{30};
constexpr double slowest_ns_per_byte = 100;

/// Of one run, in us, whatever way it was timed in; 0: not measured.
double measured_us(const Measured& measured, std::size_t subject, std::size_t side, const Report& report) {
  const auto found = std::find_if(report.results.begin(), report.results.end(), [&](const Result& result) {
    return result.subject == subject && result.side == side;
  });
  return found == report.results.end() ? 0 : found->mean_us * measured.program.divisor;
}

}  // namespace

nanoseconds expected_time(const std::vector<Measured>& subjects, std::size_t subject, std::size_t side,
                          const Report& report, double compute_us) {
  double us = measured_us(subjects[subject], subject, side, report);
  const Subject& whole = subjects[subject].subject;
  if (us == 0 && whole.whole_step) {
    for (std::size_t i = 0; i < subjects.size(); ++i) {
      const Subject& part = subjects[i].subject;
      if (part.whole_step || part.step != whole.step || part.count_in_step == 0) continue;
      const std::size_t at = subjects[i].same_as.value_or(i);
      us += measured_us(subjects[at], at, side, report) * static_cast<double>(part.count_in_step);
    }
    if (us > 0) us += compute_us * static_cast<double>(report.plan.steps.at(whole.step).request.microbatches);
  }
  return nanoseconds(static_cast<std::int64_t>(us * 1000));
}

nanoseconds first_patience(const collectives::Program& program, std::size_t runs) {
  const double bytes = static_cast<double>(program.send_bytes + program.receive_bytes) * static_cast<double>(runs);
  return connecting + nanoseconds(static_cast<std::int64_t>(bytes * slowest_ns_per_byte));
}

}  // namespace rocekit::pattern
