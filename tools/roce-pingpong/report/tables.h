// The tables of the text report.
#pragma once

#include <string>
#include <vector>

#include "core/text/style.h"
#include "tools/roce-pingpong/result.h"

namespace rocekit::pingpong {

struct TableLayout {
  const text::Style& style;
  int width = 100;
  bool verbose = false;
};

/// Two ranks that were measured with each other, in the order of the results.
struct Pair {
  int a = 0;
  int b = 1;
  friend bool operator==(const Pair&, const Pair&) = default;
};
std::vector<Pair> pairs_of(const Report& report);

/// A heading and a line a size, the transports beside each other; empty where nothing of the metric was measured.
std::string latency_table(const Report& report, Pair pair, const TableLayout& layout);
std::string bandwidth_table(const Report& report, Pair pair, const TableLayout& layout);
/// Every statistic of every latency.
std::string statistics_table(const Report& report, Pair pair, const TableLayout& layout);
/// Of each RC latency: what the bits need on the wire, and what is left for adapters and software. Empty where no bound
/// is known.
std::string budget_table(const Report& report, Pair pair, const TableLayout& layout);

/// More than two ranks: every pair in one grid a transport, then the spread over pairs by size.
std::string matrices(const Report& report, const TableLayout& layout);

}  // namespace rocekit::pingpong
