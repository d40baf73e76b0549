#include "tools/roce-pingpong/report/csv_report.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "core/text/utf8.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pingpong {
namespace {

template <class T>
std::string number(const T& value) {
  return fmt::format("{}", value);
}
template <class T>
std::string number(const std::optional<T>& value) {
  return value ? number(*value) : std::string();
}

std::string line_of(const std::vector<std::string>& fields) {
  std::string line;
  for (std::size_t i = 0; i < fields.size(); ++i) line += (i == 0 ? "" : ",") + csv_field(fields[i]);
  return line + '\n';
}

std::string host_of(const Report& report, int rank) {
  const auto index = static_cast<std::size_t>(rank);
  return index < report.hosts.size() ? report.hosts[index].name : std::string();
}

}  // namespace

std::string csv_field(std::string_view text) {
  const std::string clean = text::valid_utf8(text);
  if (clean.find_first_of(",\"\r\n") == std::string::npos) return clean;
  std::string quoted = "\"";
  for (const char letter : clean) {
    if (letter == '"') quoted += '"';
    quoted += letter;
  }
  return quoted + '"';
}

std::string render_csv(const Report& report) {
  std::string out = line_of({"metric",
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
    std::vector<std::string> fields{to_string(result.metric),
                                    verbs::to_string(result.operation),
                                    verbs::to_string(result.transport),
                                    number(result.size_bytes),
                                    number(result.rank_a),
                                    host_of(report, result.rank_a),
                                    number(result.rank_b),
                                    host_of(report, result.rank_b),
                                    path_numbers(result.paths)};
    std::vector<std::string> devices;
    for (const std::size_t path : result.paths) {
      if (path < report.paths.size()) devices.push_back(port_name(report.paths[path].a));
    }
    fields.push_back(fmt::format("{}", fmt::join(devices, "+")));
    fields.emplace_back(result.bidirectional ? "true" : "false");
    fields.push_back(number(result.samples));
    if (result.metric == Metric::latency) {
      const measure::Distribution& d = result.latency_us;
      for (const std::string& field : {number(d.min), number(d.p50), number(d.p90), number(d.p99), number(d.p999),
                                       number(d.max), number(d.mean), number(d.stddev)}) {
        fields.push_back(field);
      }
      fields.insert(fields.end(), 4, "");
    } else {
      fields.insert(fields.end(), 8, "");
      fields.push_back(number(result.bandwidth.mean_gbit_s));
      fields.push_back(number(result.bandwidth.min_gbit_s));
      fields.push_back(number(result.bandwidth.max_gbit_s));
      fields.push_back(number(result.bandwidth.messages_per_s));
    }
    fields.push_back(number(bound_of(report, result)));
    fields.push_back(number(fraction_of(report, result)));
    fields.emplace_back(to_string(result.proof.verdict));
    out += line_of(fields);
  }
  return out;
}

}  // namespace rocekit::pingpong
