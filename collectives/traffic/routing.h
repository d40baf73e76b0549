// Which experts tokens choose, and so what each rank sends to each other in an all-to-all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/traffic/operation.h"

namespace rocekit::traffic {

/// How often experts are chosen.
struct Routing {
  enum class Kind {
    uniform,    ///< all alike
    zipf,       ///< the i-th most chosen expert by 1 / i^exponent; which one it is, the seed decides
    histogram,  ///< by recorded counts
  };
  Kind kind = Kind::uniform;
  double exponent = 1;
  std::vector<double> counts;  ///< one an expert
  std::uint64_t seed = 1;
  std::string describe() const;  ///< "zipf 1.2, seed 1"
};

/// "uniform", "zipf", "zipf:1.2". Throws InputError (the exponent is 0 to 10).
Routing parse_routing(std::string_view word);

/// Recorded choices: one count an expert, separated by commas, blanks or line ends, in brackets or not. Throws
/// InputError "DOCUMENT: ...": no number, a negative one, more than 65536.
std::vector<double> parse_expert_histogram(std::string_view text, const std::string& document);

/// Token copies from rank to rank: each of `tokens_per_rank` tokens on each rank goes to the ranks of its
/// `experts_per_token` different experts, once for each. Experts lie on ranks in order, as vLLM's linear placement puts
/// them: experts / ranks on each, one more on the first where that is no whole number.
/// The same for the same arguments on every machine. Throws InputError: a histogram for another number of experts, or
/// with fewer chosen experts than a token takes; more than 2^26 copies.
PairBytes route(const Routing& routing, std::uint64_t experts, std::uint64_t experts_per_token, std::uint64_t ranks,
                std::uint64_t tokens_per_rank);

/// The rank that holds an expert.
std::uint64_t rank_of_expert(std::uint64_t expert, std::uint64_t experts, std::uint64_t ranks);

}  // namespace rocekit::traffic
