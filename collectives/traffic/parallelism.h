// How a model is spread over ranks: tp2, pp2, tp4pp2, ep2, dp2ep2.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rocekit::traffic {

/// What engines put on the wire for expert parallelism.
enum class ExpertForm {
  all_reduce,        ///< vLLM with TP=n, DP=1 and --enable-expert-parallel: as tensor parallelism
  gather_scatter,    ///< vLLM with DP=n: all-gather before the experts, reduce-scatter after
  dispatch_combine,  ///< vLLM with DP=n and an all-to-all backend: tokens to their experts and back
};
const char* to_string(ExpertForm form);  ///< "all-reduce", "all-gather+reduce-scatter", "all-to-all"

struct Parallelism {
  std::uint64_t tensor = 1;
  std::uint64_t pipeline = 1;
  std::uint64_t data = 1;
  std::uint64_t expert = 1;  ///< above 1 with data == 1: the mode is "epN" and covers all three forms
  std::uint64_t ranks() const;
  std::string name() const;  ///< "dp2ep2"
  friend bool operator==(const Parallelism&, const Parallelism&) = default;
};

/// tpN, ppN, tpNppM, epN, dpNepN, in any case; N from 2 to 1024, at most 1024 ranks. Throws InputError.
Parallelism parse_parallelism(std::string_view word);

/// The forms that a mode covers; empty when it has no expert parallelism.
std::vector<ExpertForm> forms_of(const Parallelism& mode);

}  // namespace rocekit::traffic
