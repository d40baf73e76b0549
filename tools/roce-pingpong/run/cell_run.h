// One cell measured on this rank, in lockstep with all ranks of the round.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/measure/clock.h"
#include "core/measure/samples.h"
#include "core/session/session.h"
#include "tools/roce-pingpong/nodes/counters.h"
#include "tools/roce-pingpong/run/pair_ends.h"
#include "tools/roce-pingpong/run/record.h"

namespace rocekit::pingpong {

/// What a rank needs to take part in a cell.
struct Seat {
  const Plan* plan = nullptr;
  const PairPlan* pair = nullptr;  ///< nullptr: this rank only keeps step
  const Cell* cell = nullptr;      ///< nullptr: the same
  PairEnds* ends = nullptr;
  bool is_a = false;
  std::map<std::size_t, std::vector<int>> cpus;  ///< by path: of its lanes; -1 is not pinned
  std::vector<int> all_cpus;                     ///< where this process may run
};

class CellRun {
 public:
  CellRun(session::Session& session, const Settings& settings, const measure::Clock& clock, const Counters& counters);
  ~CellRun();

  /// All ranks call it with the same `transports` (the most that a cell of this step has) and `budget`. `time` is this
  /// rank's cell's. `step` completes "while measuring <step>". `rounds_done` hears of progress, 0 to 1.
  CellRecord run(const Seat& seat, const CellTime& time, std::size_t transports, const std::string& step,
                 const std::function<void(double)>& rounds_done);

 private:
  struct Series;
  struct Amount;
  void block(const Seat& seat, std::size_t slot, const Amount& amount, bool counted);
  void latency_block(const Seat& seat, Series& series, const Amount& amount, const Wait& wait, bool counted);
  void stream_block(const Seat& seat, Series& series, const Amount& amount, const Wait& wait, bool counted);
  std::vector<std::string> meet(const std::string& message, std::chrono::nanoseconds more);
  void calibrate(const Seat& seat, const CellTime& time, std::size_t transports, bool last);
  SeriesRecord record_of(Series& series) const;

  session::Session& session_;
  const Settings& settings_;
  const measure::Clock& clock_;
  const Counters& counters_;
  std::string step_;
  std::vector<Series> series_;
  std::chrono::nanoseconds longest_block_{0};  ///< of any pair, as far as known
  std::chrono::nanoseconds waited_for_counters_{0};
};

}  // namespace rocekit::pingpong
