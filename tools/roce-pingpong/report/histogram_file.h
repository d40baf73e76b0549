// The distributions of all latencies as a file to plot.
#pragma once

#include <string>

#include "tools/roce-pingpong/result.h"

namespace rocekit::pingpong {

/// Comma-separated values with a header, one line a bin of a series: metric in us, bounds of the bin, its count, the
/// share of samples within it and up to its end. gnuplot ("set datafile separator ','") and pandas.read_csv read it.
std::string render_histograms(const Report& report);

}  // namespace rocekit::pingpong
