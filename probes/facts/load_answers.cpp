#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/text/json_depth.h"
#include "probes/facts/disk_file.h"
#include "probes/facts/facts_json.h"
#include "probes/facts/read_node.h"

namespace rocekit::facts {
namespace {

using Json = nlohmann::ordered_json;

// hwloc's XML of a large server alone is several hundred KiB.
constexpr std::size_t max_answers_bytes = 32U << 20;

}  // namespace

KernelAnswers load_answers(const FileTree& tree) {
  const auto layers = tree.layers();
  Json joined;
  std::string top_file;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    const std::string file = (*layer / "facts-extra.json").string();
    const Fact<std::string> text = read_disk_file(file, max_answers_bytes, FollowLinks::yes);
    if (!text) {
      if (text.missing().why == Why::absent) continue;
      throw InputError(fmt::format("{}: cannot be read: {}", file, text.missing().detail));
    }
    if (text::nests_deeper_than(*text, 64)) throw InputError(fmt::format("{}: nested more than 64 levels deep", file));
    const Json json = Json::parse(*text, nullptr, false);
    if (json.is_discarded()) throw InputError(fmt::format("{}: not JSON", file));
    if (!json.is_object()) throw InputError(fmt::format("{}: must be a JSON object of the kernel's answers", file));
    joined.merge_patch(json);
    top_file = file;
  }
  if (joined.is_null()) return {};
  return answers_from_json(joined, top_file);
}

}  // namespace rocekit::facts
