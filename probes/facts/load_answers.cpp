#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "probes/facts/disk_file.h"
#include "probes/facts/facts_json.h"
#include "probes/facts/read_node.h"

namespace rocekit::facts {
namespace {

using Json = nlohmann::ordered_json;

// hwloc's XML of a large server alone is several hundred KiB.
constexpr std::size_t max_answers_bytes = 32U << 20;

/// Deep documents are refused: merging and reading them is recursive.
bool deeper_than(const std::string& text, int limit) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > limit) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

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
    if (deeper_than(*text, 64)) throw InputError(fmt::format("{}: nested more than 64 levels deep", file));
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
