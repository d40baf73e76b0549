#include "core/text/style.h"

#include <sys/ioctl.h>

#include <cstdlib>

namespace rocekit::text {
namespace {

const char* escape_of(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return "";
    case Tone::strong:
      return "\033[1m";
    case Tone::faint:
      return "\033[2m";
    case Tone::good:
      return "\033[32m";
    case Tone::warn:
      return "\033[33m";
    case Tone::bad:
      return "\033[1;31m";
    case Tone::accent:
      return "\033[36m";
  }
  return "";
}

bool environment_allows_color() {
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* term = std::getenv("TERM");
  return term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

}  // namespace

int width_of_terminal(int fd) {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

Style Style::detect(ColorMode mode, int fd) {
  Style style;
  style.colored_ = mode == ColorMode::always ||
                   (mode == ColorMode::automatic && width_of_terminal(fd) > 0 && environment_allows_color());
  return style;
}

std::string Style::paint(Tone tone, std::string_view text) const {
  if (!colored_ || tone == Tone::plain || text.empty()) return std::string(text);
  return std::string(escape_of(tone)).append(text).append("\033[0m");
}

}  // namespace rocekit::text
