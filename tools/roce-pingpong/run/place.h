// Where this rank's threads measure.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "core/measure/warnings.h"
#include "tools/roce-pingpong/nodes/node.h"
#include "tools/roce-pingpong/result.h"
#include "tools/roce-pingpong/run/plan.h"

namespace rocekit::pingpong {

/// CPUs for the lanes of each path of a pair. Ranks of one machine get different ones as long as there are enough; all
/// -1 when there are fewer CPUs than ranks.
std::map<std::size_t, std::vector<int>> cpus_of_paths(const Plan& plan, const PairPlan& pair, bool is_a,
                                                      const std::vector<int>& allowed, int ranks_before_on_machine,
                                                      int ranks_on_machine, int lanes_a_path);

/// CPUs this process may use. `lanes`: with `widen`, when there are fewer than that, all that the cpuset has.
std::vector<int> usable_cpus(std::size_t lanes, bool widen);

/// Model of this machine's CPU, its clock's description is the caller's.
Host this_host(int rank, const std::string& name, int cpu);

/// Governor, and a CPU far from the device of the path.
std::vector<measure::Warning> place_warnings(int cpu, const Node& node, const End& end);

}  // namespace rocekit::pingpong
