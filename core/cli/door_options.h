// The options with which every tool of several ranks says who the others are (core/session/doors.h).
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "core/session/doors.h"

namespace CLI {
class App;
}

namespace rocekit::cli {

/// --listen, --join, --via, --local [N], --ranks and --wait of one command line. A parser owns one beside its app.
class DoorOptions {
 public:
  /// Adds the options; `app` must outlive this. `ranks_alone`: --ranks goes without a door too (a plan for N ranks).
  explicit DoorOptions(CLI::App& app, bool ranks_alone = false);
  DoorOptions(const DoorOptions&) = delete;
  DoorOptions& operator=(const DoorOptions&) = delete;

  /// What was given, after the app has parsed. Throws UsageError: two doors, values out of bounds, --ranks or --wait
  /// with a door that has no use for them.
  session::DoorOptions collect() const;
  /// --ranks N or --local N was given.
  bool ranks_given() const;
  /// Throws UsageError when one of these options was given beside --join: they are said on the listening end. (The far
  /// ends of --via, --join -, have the whole command line.)
  void refuse_beside_join(const session::DoorOptions& door, std::initializer_list<const char*> names) const;

 private:
  bool given(const char* name) const;

  CLI::App& app_;
  bool ranks_alone_;
  std::vector<std::string> listen_, via_, local_;
  std::string join_, ranks_, wait_;
};

/// The arguments without the program's name, as reports keep them: the token of --join is masked, it lets others in.
std::vector<std::string> kept_arguments(int argc, const char* const* argv, const session::DoorOptions& door);

/// A door in reports: "mpirun", "launcher", "--listen", "--join", "--via", "--local", "none".
const char* name_of(session::Door door);

/// The sentence for Door::none: what `tool` can be called with, so that there are others.
std::string no_door(const std::string& tool);

}  // namespace rocekit::cli
