// Files of roce-preflight --baseline: any text ends in a baseline or in a sentence, and what was read can be written,
// read again, and compared with itself.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/error.h"
#include "tools/roce-preflight/judge/baseline_file.h"
#include "tools/roce-preflight/judge/baseline_findings.h"

namespace {

using namespace rocekit;

void require(bool holds) {
  if (!holds) std::abort();
}

void use(const preflight::Baseline& baseline) {
  require(!baseline.runs.empty());
  // Bytes that are no UTF-8 are replaced when they are written.
  const std::string written = preflight::render_baseline(baseline);
  const preflight::Baseline again = preflight::parse_baseline(written, "again");
  require(preflight::render_baseline(again) == written);
  require(preflight::why_other(again, again).empty());
  require(preflight::changes_between(again.runs.front(), again.runs.front()).empty());
  for (const preflight::Quantity& quantity : again.runs.front().quantities) {
    const std::vector<std::vector<double>> runs(6, quantity.blocks);
    const auto margins = preflight::margins_of(quantity, false);
    const auto change = measure::against_runs(runs, quantity.blocks, measure::Better::lower, margins);
    require(change.outcome == measure::Change::Outcome::as_before);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    use(preflight::parse_baseline(text, "document"));
  } catch (const InputError& error) {
    const std::string sentence = error.what();
    require(sentence.rfind("document: ", 0) == 0 && sentence.find('\n') == std::string::npos);
  }
  return 0;
}
