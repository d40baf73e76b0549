#include "tools/nccl-pattern/settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "collectives/predict/latency_table.h"
#include "core/error.h"
#include "core/text/ascii.h"
#include "core/text/utf8.h"

namespace rocekit::pattern {
namespace {

bool is_variable(const std::string& name) {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

std::string canonical_side(const std::string& word) {
  std::string name = predict::canonical_transport(word);
  if (name == "nvlink" || name == "pcie") return "p2p";
  if (name == "sockets") return "socket";
  return name;
}

std::vector<collectives::Setting> parse_environment(const std::string& words) {
  std::vector<collectives::Setting> environment;
  std::size_t begin = 0;
  while (begin <= words.size()) {
    const std::size_t end = std::min(words.find(',', begin), words.size());
    const std::string piece = words.substr(begin, end - begin);
    const std::size_t equals = piece.find('=');
    begin = end + 1;
    if (equals == std::string::npos && !environment.empty()) {
      *environment.back().value += "," + piece;
      continue;
    }
    const std::string name = piece.substr(0, equals);
    if (equals == std::string::npos || !is_variable(name)) {
      throw InputError(fmt::format("takes NAME=VALUE, such as NCCL_IB_QPS_PER_CONNECTION=4, not \"{}\"",
                                   text::shortened(text::printable(piece), 60)));
    }
    const auto same = [&](const collectives::Setting& other) { return other.name == name; };
    if (std::any_of(environment.begin(), environment.end(), same)) {
      throw InputError(fmt::format("sets {} twice", text::shortened(name, 60)));
    }
    environment.push_back({name, piece.substr(equals + 1)});
  }
  return environment;
}

std::string name_of(const std::vector<collectives::Setting>& environment) {
  if (environment.empty()) return "no settings";
  std::string name;
  for (const collectives::Setting& setting : environment) {
    name += fmt::format("{}{}={}", name.empty() ? "" : " ", setting.name, setting.value.value_or(""));
  }
  return name;
}

}  // namespace rocekit::pattern
