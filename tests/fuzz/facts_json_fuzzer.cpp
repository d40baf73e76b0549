// Documents for --load: any text ends in a node or in a sentence, and a node that was loaded can be judged, printed,
// compared, saved and loaded again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "probes/facts/facts_json.h"
#include "probes/report/diff.h"
#include "probes/report/json_report.h"
#include "probes/report/text_report.h"

namespace {

using namespace rocekit;

void require(bool condition) {
  if (!condition) std::abort();
}

bool is_printable(const std::string& text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7F) return false;
  }
  return true;
}

void use(const facts::NodeFacts& node) {
  const report::ProbeReport judged = report::examine(node, {});
  require(is_printable(report::render_text(judged, text::Style())));
  const std::string saved = report::render_json(judged, "2026-01-02T03:04:05Z").dump();
  require(report::node_from_document(saved, "saved") == node);
  for (const report::Difference& difference : report::compare(node, node)) {
    require(difference.weight == report::Weight::not_compared);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    use(report::node_from_document(text, "document"));
  } catch (const InputError& error) {
    require(std::string(error.what()).rfind("document", 0) == 0);
  }
  try {
    const nlohmann::ordered_json json = facts::parse_json(text, "document");
    // Most inputs are no whole document: the parts are tried alone as well.
    try {
      use(facts::node_from_json(json, "document"));
    } catch (const InputError&) {
    }
    const facts::KernelAnswers answers = facts::answers_from_json(json, "document");
    require(facts::answers_from_json(facts::to_json(answers), "again") == answers);
  } catch (const InputError& error) {
    require(std::string(error.what()).rfind("document", 0) == 0);
  }
  return 0;
}
