#include "tools/roce-pingpong/report/histogram_file.h"

#include <fmt/format.h>

#include <cstdint>

#include "core/text/csv.h"
#include "core/text/sizes.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pingpong {

std::string render_histograms(const Report& report) {
  std::string out = "series,transport,op,size_bytes,rank_a,rank_b,paths,low_us,high_us,count,share,cumulative\n";
  for (const Result& result : report.results) {
    if (result.metric != Metric::latency || result.latency_us.count == 0) continue;
    std::string series = fmt::format("{} {}", series_name(result), text::exact_size(result.size_bytes));
    if (report.hosts.size() > 2) series += fmt::format(" {}-{}", result.rank_a, result.rank_b);
    if (report.paths.size() > 1) series += fmt::format(" path {}", path_numbers(result.paths));
    const auto all = static_cast<double>(result.latency_us.count);
    std::uint64_t so_far = 0;
    for (const measure::HistogramBin& bin : result.latency_us.histogram) {
      so_far += bin.count;
      out += fmt::format("{},{},{},{},{},{},{},{:.6g},{:.6g},{},{:.6g},{:.6g}\n", text::csv_field(series),
                         verbs::to_string(result.transport), verbs::to_string(result.operation), result.size_bytes,
                         result.rank_a, result.rank_b, path_numbers(result.paths), bin.low, bin.high, bin.count,
                         static_cast<double>(bin.count) / all, static_cast<double>(so_far) / all);
    }
  }
  return out;
}

}  // namespace rocekit::pingpong
