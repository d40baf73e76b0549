// Colour and glyphs of terminal output; the one place that knows about escape sequences.
#pragma once

#include <string>
#include <string_view>

namespace rocekit::text {

enum class ColorMode { automatic, always, never };

enum class Tone { plain, strong, faint, good, warn, bad, accent };

/// Of the terminal behind `fd` (TIOCGWINSZ). 0: there is none, or nobody is known to look at it: mpirun gives ranks a
/// pseudo-terminal without a size, whatever its own output is.
int width_of_terminal(int fd);

class Style {
 public:
  /// No colour, no escape sequences.
  Style() = default;
  /// `automatic`: colour when `fd` is a terminal with a size, NO_COLOR is unset or empty, and TERM is set and not
  /// "dumb".
  static Style detect(ColorMode mode, int fd);

  std::string paint(Tone tone, std::string_view text) const;
  bool colored() const { return colored_; }

 private:
  bool colored_ = false;
};

}  // namespace rocekit::text
