// Colour and glyphs of terminal output; the one place that knows about escape sequences.
#pragma once

#include <string>
#include <string_view>

namespace rocekit::text {

enum class ColorMode { automatic, always, never };

enum class Tone { plain, strong, faint, good, warn, bad, accent };

class Style {
 public:
  /// No colour, no escape sequences.
  Style() = default;
  /// `automatic`: colour when `fd` is a terminal, NO_COLOR is unset or empty, and TERM is set and not "dumb".
  static Style detect(ColorMode mode, int fd);

  std::string paint(Tone tone, std::string_view text) const;
  bool colored() const { return colored_; }

 private:
  bool colored_ = false;
};

}  // namespace rocekit::text
