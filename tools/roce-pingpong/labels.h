// How results, paths and ranks are named, and what the reporters and the judge ask of a report alike.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/roce-pingpong/result.h"

namespace rocekit::pingpong {

std::string in_capitals(verbs::Transport transport);  ///< "RC", "TCP"
/// "RC write"; "TCP" alone, which only sends.
std::string series_name(verbs::Transport transport, verbs::Operation operation);
std::string series_name(const Result& result);  ///< the same
/// "0+1": numbers of paths as the tables show them.
std::string path_numbers(const std::vector<std::size_t>& paths);

/// "spark-1"; with its rank where several ranks share a host: "spark-1 (rank 0)".
std::string rank_name(const Report& report, int rank);
/// "rocep1s0f0"; "mlx4_0:2" where the port is not 1; the netdev or address of an end without RDMA.
std::string port_name(const End& end);
/// "rocep1s0f0 and roceP2p1s0f0": the ends on rank a.
std::string ports_of(const Report& report, const std::vector<std::size_t>& paths);

std::string join_words(const std::vector<std::string>& words, std::string_view last = " and ");

bool is_rdma(const Path& path);
/// In software on one end at least.
bool is_soft(const Path& path);
/// Real adapters on two hosts: only there have speeds a meaning that physics gives.
bool is_wire(const Path& path);
bool all_on_wire(const Report& report, const std::vector<std::size_t>& paths);

/// Best known bound of paths used at once: the result's own, else that of its only path.
std::optional<double> bound_of(const Report& report, const Result& result);
std::optional<double> fraction_of(const Report& report, const Result& result);

// ---- comparisons ----

/// What a comparison says of `b`, whichever metric: "11.6x slower (11.5-11.7)".
struct Against {
  enum class Outcome { slower, faster, no_difference, too_few_pairs };
  Outcome outcome = Outcome::too_few_pairs;
  double factor = 1;  ///< 1 or more; of the typical pair
  double low = 1;     ///< its interval, 1 or more where there is a difference
  double high = 1;
};
Against against(const Comparison& comparison);
/// Of latencies or bandwidths, `ratio` being b over a.
Against against(const measure::Ratio& ratio, Metric metric);
std::string in_words(const Against& against);
/// "b-slower", "b-faster", "no-difference", "too-few-pairs": for documents.
const char* outcome_word(Against::Outcome outcome);

// ---- numbers ----

std::string microseconds(double us);              ///< "1.42", "17.1", "182", "2140": three digits as far as they fit
std::string microseconds(std::optional<double>);  ///< "-" where the samples cannot support it
std::string gigabits(double gbit_s);              ///< "109.3", "13.2", "0.45", "0.0031"
std::string percent(double fraction);             ///< "98 %", "3.2 %"
std::string times(double factor);                 ///< "11.3", "1.04", "215"

}  // namespace rocekit::pingpong
