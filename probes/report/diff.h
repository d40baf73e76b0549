// Two nodes, or host against container: what differs and whether it matters.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/text/style.h"
#include "probes/facts/node_facts.h"

namespace rocekit::report {

enum class Weight {
  expected,      ///< differs on any two machines: addresses, serial numbers, counters
  noted,         ///< worth knowing: firmware, kernel, cable length
  not_compared,  ///< would matter, and could not be read on one side or both
  matters,       ///< breaks or halves traffic between the two: MTU, rate, GID type, device names, memlock, access, NCCL
                 ///< settings
};
const char* to_string(Weight weight);  ///< "expected", "noted", "not-compared", "matters"

struct Difference {
  std::string where;  ///< "netdevs[enp1s0f0np0].mtu"
  std::string a;
  std::string b;
  Weight weight = Weight::noted;
  std::string why;  ///< for Weight::matters: what it does
  friend bool operator==(const Difference&, const Difference&) = default;
};

/// Sorted by weight, heaviest first. Lists are paired by name, not by position.
std::vector<Difference> compare(const facts::NodeFacts& a, const facts::NodeFacts& b);

/// Weight::expected for no differences.
Weight heaviest(const std::vector<Difference>& differences);

/// "spark-1 (other.json)"
std::string name_of(const facts::NodeFacts& node, const std::string& source);

struct Comparison {
  std::string a;  ///< names of the two, as name_of gives them
  std::string b;
  std::vector<Difference> differences;
};

struct DiffTextOptions {
  bool verbose = false;  ///< also list what differs on any two machines
  int width = 100;       ///< columns
};

inline constexpr const char* diff_schema_version = "1.0.0";

/// Ends in one line that says whether anything matters.
std::string render_diff_text(const Comparison& comparison, const text::Style& style,
                             const DiffTextOptions& options = {});
/// The rocekit/diff document (docs/schema/diff.schema.json).
nlohmann::ordered_json render_diff_json(const Comparison& comparison, const std::string& started_at);

}  // namespace rocekit::report
