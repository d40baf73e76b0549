#include "probes/pair/agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>

namespace rocekit::pair {
namespace {

using checks::Severity;

bool no_such_thing(const Value& value) {
  return !value.is && (value.missing.why == facts::Why::absent || value.missing.why == facts::Why::not_supported);
}

std::vector<std::string> owners(const std::vector<const Value*>& values) {
  std::vector<std::string> names;
  for (const Value* value : values) names.push_back(value->owner);
  return names;
}

std::vector<const NodeOfPair*> nodes_of(const std::vector<const Value*>& values) {
  std::vector<const NodeOfPair*> nodes;
  for (const Value* value : values) {
    if (std::find(nodes.begin(), nodes.end(), value->node) == nodes.end()) nodes.push_back(value->node);
  }
  return nodes;
}

/// Values by what they are, in the order of their first appearance.
struct Groups {
  std::vector<std::pair<std::string, std::vector<const Value*>>> of;

  void add(const Value& value) {
    const auto found = std::find_if(of.begin(), of.end(), [&](const auto& group) { return group.first == *value.is; });
    if (found == of.end()) {
      of.push_back({*value.is, {&value}});
    } else {
      found->second.push_back(&value);
    }
  }
  std::size_t size() const {
    std::size_t all = 0;
    for (const auto& group : of) all += group.second.size();
    return all;
  }
  /// What more than half have; nullptr: nothing.
  const std::string* majority() const {
    for (const auto& [is, values] : of) {
      if (2 * values.size() > size()) return &is;
    }
    return nullptr;
  }
};

checks::Evidence evidence_of(const Question& question, const Value& value) {
  std::string text = value.is ? *value.is : checks::show(value.missing);
  if (!value.more.empty()) text += fmt::format(" ({})", value.more);
  return {fmt::format("{} of {}", question.what, value.owner), std::move(text), value.source};
}

void tell_difference(const Question& question, const Groups& groups, std::vector<checks::Finding>& out) {
  std::vector<const Value*> all;
  std::vector<const Value*> odd;
  std::vector<std::string> sides;
  const std::string* majority = groups.majority();
  for (const auto& [is, values] : groups.of) {
    all.insert(all.end(), values.begin(), values.end());
    if (majority != nullptr && is != *majority) odd.insert(odd.end(), values.begin(), values.end());
    sides.push_back(fmt::format("{} on {}", is, checks::join_words(owners(values))));
  }
  const bool pinned = !odd.empty() && nodes_of(all).size() > 2;

  std::string title = fmt::format("{} differs: {}", question.what, checks::join(sides, ", "));
  if (pinned) {
    const bool one = groups.of.size() == 2 && odd.size() == 1;
    title = one ? fmt::format("{} is {} on {}, {} on the other {}", question.what, *odd[0]->is, odd[0]->owner,
                              *majority, all.size() - 1)
                : fmt::format("{} of {} is not {} as on the others", question.what, checks::join_words(owners(odd)),
                              *majority);
  }
  std::vector<checks::Evidence> evidence;
  for (const Value& value : question.values) evidence.push_back(evidence_of(question, value));
  const std::string wanted = pinned                        ? *majority
                             : !question.preferred.empty() ? question.preferred
                                                           : groups.of.front().first;
  std::vector<std::string> remedy;
  for (const Value* value : all) {
    if (*value->is == wanted || !question.remedy) continue;
    for (std::string& line : question.remedy(*value, wanted)) {
      if (std::find(remedy.begin(), remedy.end(), line) == remedy.end()) remedy.push_back(std::move(line));
    }
  }
  const std::vector<const Value*>& subject = pinned ? odd : all;
  auto verdicts = verdicts_of(question.check_id, nodes_of(subject), out);
  const std::string name = checks::join_words(owners(subject));
  const std::string cause = pinned ? question.cause : question.cause + not_pinned(nodes_of(all).size());
  switch (question.severity) {
    case Severity::critical:
      verdicts.critical(name, title, std::move(evidence), cause, std::move(remedy));
      break;
    case Severity::warning:
      verdicts.warning(name, title, std::move(evidence), cause, std::move(remedy));
      break;
    case Severity::ok:
    case Severity::skipped:
    case Severity::unknown:
      verdicts.ok(name, title + ", which does no harm by itself", std::move(evidence));
      break;
  }
}

}  // namespace

std::string host_of(const NodeOfPair& node) { return node.node.host.hostname.value_or(node.name); }

checks::Verdicts verdicts_of(std::string_view check_id, const std::vector<const NodeOfPair*>& nodes,
                             std::vector<checks::Finding>& out) {
  const checks::Check* check = checks::find_check(check_id);
  if (check == nullptr) throw std::logic_error("no such check: " + std::string(check_id));
  std::vector<std::string> hosts;
  for (const NodeOfPair* node : nodes) hosts.push_back(host_of(*node));
  return {*check, checks::join_words(hosts), out};
}

std::vector<const NodeOfPair*> all_of(const std::vector<NodeOfPair>& nodes) {
  std::vector<const NodeOfPair*> all;
  for (const NodeOfPair& node : nodes) all.push_back(&node);
  return all;
}

std::string names_of(const std::vector<const NodeOfPair*>& nodes) {
  std::vector<std::string> names;
  for (const NodeOfPair* node : nodes) names.push_back(node->name);
  return checks::join_words(names);
}

std::string not_pinned(std::size_t nodes) {
  return nodes > 2 ? " No majority of the nodes agrees, so which of them is wrong cannot be told."
                   : " From two nodes alone it cannot be told which of them is wrong.";
}

Agreement judge(const Question& question, std::vector<checks::Finding>& out) {
  if (question.values.size() < 2 || std::all_of(question.values.begin(), question.values.end(), no_such_thing)) {
    return Agreement::nothing;
  }
  Groups groups;
  std::vector<const Value*> all;
  bool unread = false;
  for (const Value& value : question.values) {
    all.push_back(&value);
    if (value.is) {
      groups.add(value);
      continue;
    }
    unread = true;
    verdicts_of(question.check_id, {value.node}, out)
        .unknown(value.owner, fmt::format("{} of {} is not known", question.what, value.owner), value.missing,
                 {fmt::format("# on {}:", host_of(*value.node)),
                  question.unread_remedy.empty() ? "sudo roce-probe" : question.unread_remedy});
  }
  if (groups.of.size() > 1) {
    tell_difference(question, groups, out);
    return Agreement::differ;
  }
  if (unread) return Agreement::unread;
  verdicts_of(question.check_id, nodes_of(all), out)
      .ok(checks::join_words(owners(all)), fmt::format("{} is {} on all", question.what, groups.of.front().first));
  return Agreement::alike;
}

}  // namespace rocekit::pair
