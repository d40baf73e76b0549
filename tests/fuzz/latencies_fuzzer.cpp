// Tables of latencies, CSV and JSON: any text ends in a table or in a sentence, and a table answers for any size.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "collectives/predict/latency_file.h"
#include "core/error.h"

namespace {

using namespace rocekit;

void require(bool holds) {
  if (!holds) std::abort();
}

/// Absent too where the table has one size alone, and that is far smaller.
std::optional<predict::Estimate> answer(const predict::LatencyTable& table, traffic::OpKind kind,
                                        const std::string& transport, std::uint64_t bytes) {
  try {
    return table.at(kind, transport, bytes);
  } catch (const InputError& error) {
    require(std::string_view(error.what()).find("alone") != std::string_view::npos);
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const predict::LatencyTable table = predict::read_latencies(text, "latencies");
    require(!table.empty());
    for (const std::string& transport : table.transports()) {
      for (const traffic::OpKind kind : traffic::all_op_kinds) {
        for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{4096}, std::uint64_t{1} << 62U}) {
          const auto found = answer(table, kind, transport, bytes);
          if (found) require(found->latency.p50_us > 0 && std::isfinite(found->latency.p50_us));
        }
      }
    }
  } catch (const InputError& error) {
    const std::string sentence = error.what();
    require(sentence.rfind("latencies", 0) == 0 && sentence.find('\n') == std::string::npos);
  }
  return 0;
}
