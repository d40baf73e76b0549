#include "verbs/error.h"

#include <fmt/format.h>

#include <cstring>

namespace rocekit::verbs {
namespace {

std::string sentence(const TransportError::Where& where, int error, const std::string& more) {
  std::string text = where.call;
  if (!where.object.empty()) text += " on " + where.object;
  if (!where.peer.empty()) text += " to " + where.peer;
  if (error != 0) {
    const char* const name = strerrorname_np(error);
    text += fmt::format(": {} ({})", std::strerror(error), name != nullptr ? name : std::to_string(error).c_str());
  }
  if (!more.empty()) text += (error != 0 ? "; " : ": ") + more;
  if (!where.check_id.empty()) text += "; roce-probe explain " + where.check_id;
  return text;
}

}  // namespace

TransportError::TransportError(Where where, int error, const std::string& more)
    : MeasureError(sentence(where, error, more)), where_(std::move(where)), error_(error) {}

}  // namespace rocekit::verbs
