#include "tools/nccl-pattern/plan/subjects.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/text/sizes.h"
#include "tools/nccl-pattern/labels.h"

namespace rocekit::pattern {
namespace {

using collectives::Program;
using traffic::Operation;
using traffic::OpKind;
using traffic::Pattern;

/// "ping-pong" of "send-recv ping-pong"; of a step's send-recv, measured alone, too.
std::string form_of(const Operation& operation, const std::optional<Pattern>& pattern) {
  if (operation.kind != OpKind::send_recv) return {};
  const std::string name = to_string(pattern.value_or(Pattern::ping_pong));
  const std::size_t blank = name.find(' ');
  return blank == std::string::npos ? name : name.substr(blank + 1);
}

Measured operation_of(const Operation& operation, const std::optional<Pattern>& pattern) {
  Measured measured;
  Subject& subject = measured.subject;
  subject.kind = operation.kind;
  subject.form = form_of(operation, pattern);
  subject.what = operation.what;
  subject.size_bytes = operation.size_bytes();
  subject.ranks = static_cast<int>(operation.ranks);
  subject.wire_bytes_per_rank = operation.wire_bytes_per_rank();
  subject.name = fmt::format("{}{}{} {}", to_string(operation.kind), subject.form.empty() ? "" : " ", subject.form,
                             size_words(subject.size_bytes));
  measured.program = collectives::program_of(operation, pattern, subject.ranks);
  return measured;
}

bool alike(const Operation& a, const Operation& b) {
  return a.kind == b.kind && a.group == b.group && a.ranks == b.ranks && a.size_bytes() == b.size_bytes() &&
         a.pairs == b.pairs;
}

/// Distinct operations of one step, each with all that it does there.
std::vector<std::pair<const Operation*, Measured>> operations_of(const traffic::Step& step, std::size_t index) {
  std::vector<std::pair<const Operation*, Measured>> list;
  for (const Operation& operation : step.operations) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const auto& known) { return alike(*known.first, operation); });
    if (found == list.end()) {
      list.emplace_back(&operation, operation_of(operation, std::nullopt));
      list.back().second.subject.step = index;
      list.back().second.subject.count_in_step = operation.count;
      continue;
    }
    Subject& subject = found->second.subject;
    if (subject.what.find(operation.what) == std::string::npos) subject.what += ", " + operation.what;
    subject.count_in_step += operation.count;
  }
  // Two that are of one kind and size differ in their groups, or in who gets how much.
  std::vector<std::string> names;
  for (const auto& [operation, measured] : list) names.push_back(measured.subject.name);
  for (std::size_t i = 0; i < list.size(); ++i) {
    Subject& subject = list[i].second.subject;
    if (std::count(names.begin(), names.end(), names[i]) > 1) subject.name += fmt::format(" ({})", subject.what);
  }
  return list;
}

Measured step_of(const Traffic& traffic, std::size_t index, int world, double compute_us) {
  const traffic::Step& step = traffic.steps[index];
  Measured measured;
  Subject& subject = measured.subject;
  subject.whole_step = true;
  subject.step = index;
  subject.ranks = world;
  subject.name = step.request.form ? fmt::format("step as {}", to_string(*step.request.form)) : "step";
  subject.wire_bytes_per_rank = step.wire_bytes_per_rank();
  const traffic::Parallelism& mode = step.request.mode;
  if (mode.pipeline > 1) {
    subject.ideal_pipeline_ms =
        compute_us / 1000 * static_cast<double>(step.request.microbatches) / static_cast<double>(mode.pipeline);
  }
  measured.program = collectives::program_of(step, world, compute_us);
  return measured;
}

}  // namespace

Traffic traffic_of(const Plan& plan) {
  return {plan.options.pattern, plan.operations, plan.steps, plan.options.sizes_given};
}

std::vector<Measured> subjects_of(const Traffic& traffic, int world, double compute_us) {
  std::vector<Measured> subjects;
  for (const Operation& operation : traffic.operations) subjects.push_back(operation_of(operation, traffic.pattern));
  std::vector<std::pair<const Operation*, std::size_t>> known;
  for (std::size_t step = 0; step < traffic.steps.size(); ++step) {
    for (auto& [operation, measured] : operations_of(traffic.steps[step], step)) {
      const auto found = std::find_if(known.begin(), known.end(),
                                      [&, o = operation](const auto& other) { return alike(*other.first, *o); });
      if (found != known.end()) {
        measured.same_as = found->second;
      } else {
        known.emplace_back(operation, subjects.size());
      }
      subjects.push_back(std::move(measured));
    }
    subjects.push_back(step_of(traffic, step, world, compute_us));
  }
  return subjects;
}

std::string leave_out_what_does_not_fit(std::vector<Measured>& subjects, const Traffic& traffic, std::uint64_t cap) {
  std::vector<std::string> left_out;
  std::vector<Measured> kept;
  for (Measured& measured : subjects) {
    const std::uint64_t needed = measured.program.send_bytes + measured.program.receive_bytes;
    if (needed <= cap) {
      kept.push_back(std::move(measured));
      continue;
    }
    const std::string sentence = fmt::format("{} needs {} of buffers on each rank, above the cap of {}",
                                             measured.subject.name, size_words(needed), size_words(cap));
    if (traffic.sizes_given || traffic.operations.empty()) {
      throw InputError(sentence + ": --max-memory raises it where that much memory is free");
    }
    left_out.push_back(sentence);
  }
  if (kept.empty()) throw InputError(left_out.front() + ": --max-memory raises it where that much memory is free");
  subjects = std::move(kept);
  return left_out.empty() ? "" : fmt::format("left out: {}", fmt::join(left_out, "; "));
}

std::vector<Groups> groups_of(const Traffic& traffic, int world) {
  std::vector<Groups> all;
  const auto add = [&](traffic::Group group, std::vector<std::vector<int>> members) {
    if (std::any_of(all.begin(), all.end(), [&](const Groups& other) { return other.group == group; })) return;
    std::erase_if(members, [](const std::vector<int>& ranks) { return ranks.size() < 2; });
    if (!members.empty()) all.push_back({group, std::move(members)});
  };
  std::vector<int> everyone(static_cast<std::size_t>(world));
  for (int rank = 0; rank < world; ++rank) everyone[static_cast<std::size_t>(rank)] = rank;
  for (const Operation& operation : traffic.operations) add(operation.group, {everyone});
  for (const traffic::Step& step : traffic.steps) {
    for (const Operation& operation : step.operations) {
      if (operation.group == traffic::Group::world) {
        add(operation.group, {everyone});
      } else {
        add(operation.group, collectives::groups_of(step.request.mode, operation.group, world));
      }
    }
  }
  return all;
}

}  // namespace rocekit::pattern
