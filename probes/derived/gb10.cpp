#include "probes/derived/gb10.h"

#include <algorithm>
#include <array>

namespace rocekit::derived {
namespace {

bool contains(const facts::Fact<std::string>& fact, std::string_view part) {
  return fact && fact->find(part) != std::string::npos;
}

}  // namespace

bool is_gb10(const facts::NodeFacts& node) {
  constexpr std::array<std::string_view, 5> products{"DGX_Spark", "DGX Spark", "GX10", "PGX", "GB10"};
  const bool product = std::any_of(products.begin(), products.end(),
                                   [&](std::string_view name) { return contains(node.host.machine, name); });
  const bool gpu = std::any_of(node.gpus.begin(), node.gpus.end(),
                               [](const facts::Gpu& item) { return contains(item.name, "GB10"); });
  const bool board = std::any_of(node.devices.begin(), node.devices.end(),
                                 [](const facts::Device& item) { return item.board_id.is("NVD0000000087"); });
  return product || gpu || board;
}

std::string gb10_cage(int function_number) {
  if (function_number == 0) return "cage 0 (next to the RJ45)";
  return "cage " + std::to_string(function_number) + " (away from the RJ45)";
}

}  // namespace rocekit::derived
