#include "tools/nccl-pattern/report/csv_report.h"

#include "core/text/csv.h"
#include "tools/nccl-pattern/labels.h"

namespace rocekit::pattern {

std::string render_csv(const Report& report) {
  std::string out =
      "op,form,step,count_in_step,ranks,side,transport,backend,timing,size_bytes,samples,iterations,min_us,p50_us,"
      "p90_us,p99_us,p999_us,max_us,mean_us,stddev_us,algbw_gb_s,busbw_gb_s,bound_gbit_s,fraction_of_bound,proof\n";
  for (const Result& result : report.results) {
    const Subject& subject = report.subjects.at(result.subject);
    const SideResult& side = report.sides.at(result.side);
    const bool of_step = subject.whole_step || subject.count_in_step > 0;
    const measure::Distribution& d = result.latency_us;
    out += text::csv_line({subject.kind ? traffic::to_string(*subject.kind) : "step",
                           subject.form,
                           of_step ? text::csv_number(subject.step) : "",
                           subject.count_in_step > 0 ? text::csv_number(subject.count_in_step) : "",
                           text::csv_number(subject.ranks),
                           side.name,
                           transport_of(side),
                           collectives::to_string(side.backend),
                           collectives::to_string(result.timing),
                           subject.whole_step ? "" : text::csv_number(subject.size_bytes),
                           text::csv_number(d.count),
                           text::csv_number(result.iterations),
                           text::csv_number(d.min),
                           text::csv_number(d.p50),
                           text::csv_number(d.p90),
                           text::csv_number(d.p99),
                           text::csv_number(d.p999),
                           text::csv_number(d.max),
                           text::csv_number(result.mean_us > 0 ? result.mean_us : d.mean),
                           text::csv_number(d.stddev),
                           subject.whole_step ? "" : text::csv_number(result.algbw_gb_s),
                           subject.whole_step ? "" : text::csv_number(result.busbw_gb_s),
                           text::csv_number(result.bound_gbit_s),
                           text::csv_number(result.fraction_of_bound),
                           to_string(side.proof.verdict)});
  }
  return out;
}

}  // namespace rocekit::pattern
