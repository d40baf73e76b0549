// A line on the terminal that says how far the run is.
#pragma once

#include <string>

namespace rocekit::cli {

class Progress {
 public:
  /// Draws on standard error when `wanted` and it is a terminal with a size that can move its cursor (TERM is set and
  /// not "dumb").
  explicit Progress(bool wanted);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `share` of the whole run that is done, 0 to 1; at most ten times a second.
  void show(double share, const std::string& what);
  void clear();

 private:
  bool drawn_ = false;
  bool enabled_ = false;
  long long last_ms_ = -1000;
  std::string last_what_;
};

}  // namespace rocekit::cli
