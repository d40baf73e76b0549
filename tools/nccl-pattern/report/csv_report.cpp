#include "tools/nccl-pattern/report/csv_report.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "tools/nccl-pattern/labels.h"
#include "tools/roce-pingpong/report/csv_report.h"

namespace rocekit::pattern {
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
  for (std::size_t i = 0; i < fields.size(); ++i) line += (i == 0 ? "" : ",") + pingpong::csv_field(fields[i]);
  return line + '\n';
}

}  // namespace

std::string render_csv(const Report& report) {
  std::string out =
      "op,form,step,count_in_step,ranks,side,transport,backend,timing,size_bytes,samples,iterations,min_us,p50_us,"
      "p90_us,p99_us,p999_us,max_us,mean_us,stddev_us,algbw_gb_s,busbw_gb_s,bound_gbit_s,fraction_of_bound,proof\n";
  for (const Result& result : report.results) {
    const Subject& subject = report.subjects.at(result.subject);
    const SideResult& side = report.sides.at(result.side);
    const bool of_step = subject.whole_step || subject.count_in_step > 0;
    const measure::Distribution& d = result.latency_us;
    out += line_of({subject.kind ? traffic::to_string(*subject.kind) : "step",
                    subject.form,
                    of_step ? number(subject.step) : "",
                    subject.count_in_step > 0 ? number(subject.count_in_step) : "",
                    number(subject.ranks),
                    side.name,
                    transport_of(side),
                    collectives::to_string(side.backend),
                    collectives::to_string(result.timing),
                    subject.whole_step ? "" : number(subject.size_bytes),
                    number(d.count),
                    number(result.iterations),
                    number(d.min),
                    number(d.p50),
                    number(d.p90),
                    number(d.p99),
                    number(d.p999),
                    number(d.max),
                    number(result.mean_us > 0 ? result.mean_us : d.mean),
                    number(d.stddev),
                    subject.whole_step ? "" : number(result.algbw_gb_s),
                    subject.whole_step ? "" : number(result.busbw_gb_s),
                    number(result.bound_gbit_s),
                    number(result.fraction_of_bound),
                    to_string(side.proof.verdict)});
  }
  return out;
}

}  // namespace rocekit::pattern
