#include "probes/facts/fact.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace rocekit::facts {
namespace {

struct WhyWord {
  Why why;
  const char* text;
};
constexpr std::array why_words{
    WhyWord{Why::not_read, "not_read"},     WhyWord{Why::absent, "absent"},
    WhyWord{Why::permission, "permission"}, WhyWord{Why::not_supported, "not_supported"},
    WhyWord{Why::malformed, "malformed"},   WhyWord{Why::failed, "failed"},
};

}  // namespace

const char* to_string(Why why) {
  for (const WhyWord& word : why_words) {
    if (word.why == why) return word.text;
  }
  return "failed";
}

std::optional<Why> why_from_string(std::string_view text) {
  for (const WhyWord& word : why_words) {
    if (text == word.text) return word.why;
  }
  return std::nullopt;
}

Why why_from_errno(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case ENODATA:
    case ENOTDIR:
      return Why::absent;
    case EACCES:
    case EPERM:
      return Why::permission;
    case EOPNOTSUPP:
    case EINVAL:
    case ENOSYS:
    case ENOTTY:
      return Why::not_supported;
    default:
      return Why::failed;
  }
}

Missing missing_from_errno(int error_number, std::string_view object) {
  return {why_from_errno(error_number), fmt::format("{}: {}", object, std::generic_category().message(error_number))};
}

}  // namespace rocekit::facts
