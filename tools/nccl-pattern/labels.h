// How steps, sides and ranks are named, and what the reporters and the judge ask of a report alike.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tools/nccl-pattern/result.h"

namespace rocekit::pattern {

std::string plural(std::uint64_t number, const char* word);  ///< "1 rank", "2 ranks"
std::string size_words(std::uint64_t bytes);                 ///< about three digits: "148 KiB"
/// "14.2 us", "3.10 ms", "1.20 s"
std::string duration(double microseconds);
std::string token_rate(double tok_s);  ///< "45.3", "12345"

/// "tp2 of MiniMax-M2.5, decode, 1 request"
std::string step_words(const Plan& plan, const traffic::Step& step);
/// A setting of the engine, and which operations of a step it issues.
struct Issuer {
  std::string setting;  ///< "--tensor-parallel-size 2"
  std::vector<traffic::OpKind> operations;
};
std::vector<Issuer> issuers_of(const traffic::Step& step);

/// "all-reduce", "send-recv ring"
std::string operation_words(const Subject& subject);

/// "spark-1"; with its rank where several ranks share a host: "spark-1 (rank 0)".
std::string rank_name(const Report& report, std::size_t rank);
std::string side_name(const Report& report, std::size_t side);
/// That was asked for; where NCCL chose by itself what was proven, else the side's name.
std::string transport_of(const SideResult& side);
bool is_floor(const Report& report, std::size_t side);  ///< SideResult::floor

const Result* find_result(const Report& report, std::size_t subject, std::size_t side, collectives::Timing timing);
const Comparison* find_comparison(const Report& report, std::size_t subject, std::size_t b, collectives::Timing timing);
bool was_timed(const Report& report, collectives::Timing timing);

/// The timing that tells most about a subject: the one that predictions are made from where there is one on all sides
/// (floors aside), else the first of graph, back to back and isolated that most sides have. Absent: not measured.
std::optional<collectives::Timing> told_timing(const Report& report, std::size_t subject);
/// The median (of single runs, else of the means of blocks) where there is one, else the mean.
double typical_us(const Result& result);
/// "30.1"; "~1584" where it is the mean.
std::string typical_words(const Result& result);
/// "CUDA graph", "back to back", "one by one"
const char* timing_words(collectives::Timing timing);

std::optional<std::size_t> whole_step_of(const Report& report, std::size_t step);  ///< index in Report::subjects
/// Single operations of a step, or of the pattern, in their order.
std::vector<std::size_t> operations_of(const Report& report, std::optional<std::size_t> step);

}  // namespace rocekit::pattern
