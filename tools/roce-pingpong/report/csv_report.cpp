#include "tools/roce-pingpong/report/csv_report.h"

#include "core/text/csv.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pingpong {
namespace {

using text::csv_line;
using text::csv_number;

std::string host_of(const Report& report, int rank) {
  const auto index = static_cast<std::size_t>(rank);
  return index < report.hosts.size() ? report.hosts[index].name : std::string();
}

}  // namespace

std::string render_csv(const Report& report) {
  std::string out = csv_line({"metric",
                              "op",
                              "transport",
                              "size_bytes",
                              "rank_a",
                              "host_a",
                              "rank_b",
                              "host_b",
                              "paths",
                              "devices",
                              "bidirectional",
                              "samples",
                              "latency_us_min",
                              "latency_us_p50",
                              "latency_us_p90",
                              "latency_us_p99",
                              "latency_us_p999",
                              "latency_us_max",
                              "latency_us_mean",
                              "latency_us_stddev",
                              "bandwidth_gbit_s_mean",
                              "bandwidth_gbit_s_min",
                              "bandwidth_gbit_s_max",
                              "messages_per_s",
                              "bound_gbit_s",
                              "fraction_of_bound",
                              "proof"});
  for (const Result& result : report.results) {
    std::vector<std::string> fields{
        to_string(result.metric),      verbs::to_string(result.operation), verbs::to_string(result.transport),
        csv_number(result.size_bytes), csv_number(result.rank_a),          host_of(report, result.rank_a),
        csv_number(result.rank_b),     host_of(report, result.rank_b),     path_numbers(result.paths)};
    std::vector<std::string> devices;
    for (const std::size_t path : result.paths) {
      if (path < report.paths.size()) devices.push_back(port_name(report.paths[path].a));
    }
    fields.push_back(fmt::format("{}", fmt::join(devices, "+")));
    fields.emplace_back(result.bidirectional ? "true" : "false");
    fields.push_back(csv_number(result.samples));
    if (result.metric == Metric::latency) {
      const measure::Distribution& d = result.latency_us;
      for (const std::string& field :
           {csv_number(d.min), csv_number(d.p50), csv_number(d.p90), csv_number(d.p99), csv_number(d.p999),
            csv_number(d.max), csv_number(d.mean), csv_number(d.stddev)}) {
        fields.push_back(field);
      }
      fields.insert(fields.end(), 4, "");
    } else {
      fields.insert(fields.end(), 8, "");
      fields.push_back(csv_number(result.bandwidth.mean_gbit_s));
      fields.push_back(csv_number(result.bandwidth.min_gbit_s));
      fields.push_back(csv_number(result.bandwidth.max_gbit_s));
      fields.push_back(csv_number(result.bandwidth.messages_per_s));
    }
    fields.push_back(csv_number(bound_of(report, result)));
    fields.push_back(csv_number(fraction_of(report, result)));
    fields.emplace_back(to_string(result.proof.verdict));
    out += csv_line(fields);
  }
  return out;
}

}  // namespace rocekit::pingpong
