// One value on every node, and what is said when the nodes do not agree on it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/checks/check.h"
#include "probes/checks/evidence.h"
#include "probes/pair/compare_nodes.h"

namespace rocekit::pair {

/// What one node says to the question.
struct Value {
  const NodeOfPair* node = nullptr;
  std::string owner;              ///< "rank 1 (spark-2)", "rocep1s0f0 of rank 1 (spark-2)"
  std::optional<std::string> is;  ///< nullopt: could not be read
  facts::Missing missing;         ///< why, then
  std::string source;             ///< where it was read
  std::string more;               ///< stands behind the value in the evidence: "left out: not named by NCCL_IB_HCA"
};

template <class T>
Value value_of(const NodeOfPair& node, std::string owner, const facts::Fact<T>& fact, std::string source) {
  Value value{&node, std::move(owner), std::nullopt, {}, std::move(source), ""};
  if (fact) {
    value.is = checks::show(*fact);
  } else {
    value.missing = fact.missing();
  }
  return value;
}

struct Question {
  std::string_view check_id;
  std::string what;  ///< "NCCL's version", "MTU in 192.168.100.0/24"
  std::vector<Value> values{};
  std::string cause{};                                    ///< of a difference, and what it costs
  checks::Severity severity = checks::Severity::warning;  ///< of a difference; ok: it is told, and passes
  std::string preferred{};  ///< the value to have where no majority tells; empty: that of the first node
  /// Commands that bring this value to `wanted`.
  std::function<std::vector<std::string>(const Value& value, const std::string& wanted)> remedy{};
  std::string unread_remedy{};  ///< how an unread value can be read; empty: roce-probe on that node
};

enum class Agreement { alike, differ, unread, nothing };

/// Adds `ok` when all values are known and equal, the difference when known values differ, and `unknown` for each that
/// is not known. Nothing when no node has such a thing (absent or not supported everywhere), or fewer than two values.
/// Where more than half of at least three nodes agree, the others are named; otherwise the finding says that the facts
/// cannot tell which of them is wrong.
Agreement judge(const Question& question, std::vector<checks::Finding>& out);

/// Verdicts of a check for findings of these nodes. Throws std::logic_error for an ID that is not registered.
checks::Verdicts verdicts_of(std::string_view check_id, const std::vector<const NodeOfPair*>& nodes,
                             std::vector<checks::Finding>& out);

/// "spark-2", or the node's name where its host name is not known.
std::string host_of(const NodeOfPair& node);

std::vector<const NodeOfPair*> all_of(const std::vector<NodeOfPair>& nodes);

/// "rank 0 (spark-1), rank 1 (spark-2) and rank 2 (spark-3)"
std::string names_of(const std::vector<const NodeOfPair*>& nodes);

/// What a finding adds to its cause where the faulty node cannot be named.
std::string not_pinned(std::size_t nodes);

}  // namespace rocekit::pair
