// The parts of judge(): each appends findings of its checks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "probes/checks/check.h"
#include "tools/roce-pingpong/result.h"

namespace rocekit::pingpong {

void judge_pairs(const Report& report, std::vector<checks::Finding>& out);       ///< ROCE-PAIR
void judge_speed(const Report& report, std::vector<checks::Finding>& out);       ///< ROCE-PERF-001, -002, -004, -007
void judge_directions(const Report& report, std::vector<checks::Finding>& out);  ///< ROCE-PAIR-022
void judge_cohort(const Report& report, std::vector<checks::Finding>& out);      ///< ROCE-PERF-008
void judge_counters(const Report& report, std::vector<checks::Finding>& out);    ///< ROCE-PERF-003, -005, -006

/// ROCE-PERF-003 alone; reads the counters of the results' proofs, and paths for what is Soft-RoCE.
void judge_losses(const Report& report, std::vector<checks::Finding>& out);

/// Where findings of a check go. Throws std::logic_error for an ID that is not registered.
checks::Verdicts verdicts_of(std::string_view check_id, const std::string& host, std::vector<checks::Finding>& out);

/// RC stream whose speed link and PCIe alone should decide: messages large and many enough under way, on a wire.
bool is_large_stream(const Report& report, const Result& result);
/// RC ping-pong of a few bytes, polled, from host memory, on a wire: what adapter and processor need.
bool is_small_message(const Report& report, const Result& result);

/// What a counter tells beyond bytes and packets.
enum class Trouble { none, timeout, loss, not_ready, congestion };
Trouble trouble_of(std::string_view counter);

/// Loss, timeouts and receivers that were not ready, while this result was measured.
bool has_losses(const Result& result);
/// "out_of_sequence of rocep1s0f0:1 on spark-2" -> "412", for everything but plain traffic.
std::vector<checks::Evidence> trouble_evidence(const Result& result);

}  // namespace rocekit::pingpong
