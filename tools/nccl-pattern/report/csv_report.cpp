#include "tools/nccl-pattern/report/csv_report.h"

#include "core/text/csv.h"
#include "tools/nccl-pattern/labels.h"

namespace rocekit::pattern {
namespace {

using text::csv_line;
using text::csv_number;

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
    out += csv_line({subject.kind ? traffic::to_string(*subject.kind) : "step",
                     subject.form,
                     of_step ? csv_number(subject.step) : "",
                     subject.count_in_step > 0 ? csv_number(subject.count_in_step) : "",
                     csv_number(subject.ranks),
                     side.name,
                     transport_of(side),
                     collectives::to_string(side.backend),
                     collectives::to_string(result.timing),
                     subject.whole_step ? "" : csv_number(subject.size_bytes),
                     csv_number(d.count),
                     csv_number(result.iterations),
                     csv_number(d.min),
                     csv_number(d.p50),
                     csv_number(d.p90),
                     csv_number(d.p99),
                     csv_number(d.p999),
                     csv_number(d.max),
                     csv_number(result.mean_us > 0 ? result.mean_us : d.mean),
                     csv_number(d.stddev),
                     subject.whole_step ? "" : csv_number(result.algbw_gb_s),
                     subject.whole_step ? "" : csv_number(result.busbw_gb_s),
                     csv_number(result.bound_gbit_s),
                     csv_number(result.fraction_of_bound),
                     to_string(side.proof.verdict)});
  }
  return out;
}

}  // namespace rocekit::pattern
