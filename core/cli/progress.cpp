#include "core/cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "core/text/table.h"
#include "core/text/utf8.h"

namespace rocekit::cli {

Progress::Progress(bool wanted) {
  const char* term = std::getenv("TERM");
  enabled_ = wanted && text::width_of_terminal(STDERR_FILENO) > 0 && term != nullptr &&
             std::string_view(term) != "dumb" && *term != 0;
}

void Progress::show(double share, const std::string& what) {
  if (!enabled_) return;
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch());
  if (what == last_what_ && now.count() - last_ms_ < 100) return;
  last_ms_ = now.count();
  last_what_ = what;
  constexpr int cells = 24;
  const int full = static_cast<int>(std::clamp(share, 0.0, 1.0) * cells);
  const std::string line = fmt::format("[{}{}] {:3.0f} %  {}", std::string(static_cast<std::size_t>(full), '#'),
                                       std::string(static_cast<std::size_t>(cells - full), '.'), share * 100, what);
  const auto columns = static_cast<std::size_t>(text::terminal_columns(STDERR_FILENO));
  fmt::print(stderr, "\r\033[K{}", text::shortened(text::printable(line), columns - 1));
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::clear() {
  if (!drawn_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace rocekit::cli
