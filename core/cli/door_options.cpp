#include "core/cli/door_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "core/cli/command_line.h"

namespace rocekit::cli {
namespace {

constexpr int most_ranks = 1024;

}  // namespace

DoorOptions::DoorOptions(CLI::App& app, bool ranks_alone) : app_(app), ranks_alone_(ranks_alone) {
  const char* group = "Who the other ranks are (one of these, or mpirun/srun)";
  // A value is optional: "--listen" and "--listen ADDR:PORT".
  app.add_option("--listen", listen_, "Wait for the other node; prints the line to paste there")
      ->type_name("[ADDR[:PORT]]")
      ->expected(0, 1)
      ->group(group);
  app.add_option("--join", join_, "Join the node that listens; it says what is measured")
      ->type_name("TOKEN@ADDR:PORT")
      ->group(group);
  app.add_option("--via", via_, "Start the other ends too: --via ssh node2")
      ->type_name("LAUNCHER HOST[,HOST...]")
      ->expected(2)
      ->group(group);
  app.add_option("--local", local_, "All ranks on this machine (default 2)")
      ->type_name("[N]")
      ->expected(0, 1)
      ->group(group);
  app.add_option("--ranks", ranks_, "Ranks of --listen and --local (default 2)")->type_name("N")->group(group);
  app.add_option("--wait", wait_, "How long --listen waits for the others (default 60 s)")
      ->type_name("TIME")
      ->group(group);
}

bool DoorOptions::given(const char* name) const { return app_.count(name) > 0; }

bool DoorOptions::ranks_given() const { return given("--ranks") || (!local_.empty() && !local_.front().empty()); }

session::DoorOptions DoorOptions::collect() const {
  session::DoorOptions door;
  const auto ranks = [](const char* option, const std::string& word) {
    return static_cast<int>(number_within(option, word, 2, most_ranks));
  };
  if (given("--listen")) door.listen = listen_.empty() ? "" : listen_.front();
  if (given("--join")) {
    if (join_.empty()) throw UsageError("--join needs the TOKEN@ADDR:PORT that --listen printed on the other node");
    door.join = join_;
  }
  door.via = via_;
  door.local = given("--local");
  if (given("--ranks")) door.ranks = ranks("--ranks", ranks_);
  if (!local_.empty() && !local_.front().empty()) {
    if (given("--ranks")) throw UsageError("--local N and --ranks N say the same: give one of them");
    door.ranks = ranks("--local", local_.front());
  }
  if (given("--wait")) {
    door.wait = duration_within("--wait", wait_, std::chrono::seconds(1), std::chrono::hours(24));
  }
  const int doors = (door.listen ? 1 : 0) + (door.join ? 1 : 0) + (door.via.empty() ? 0 : 1) + (door.local ? 1 : 0);
  if (doors > 1) throw UsageError("--listen, --join, --via and --local: one run takes one of them");
  const bool alone = ranks_alone_ && doors == 0;
  if (given("--ranks") && !door.listen && !door.local && !alone) {
    throw UsageError("--ranks goes with --listen or --local");
  }
  if (given("--wait") && !door.listen) throw UsageError("--wait goes with --listen");
  return door;
}

void DoorOptions::refuse_beside_join(const session::DoorOptions& door, std::initializer_list<const char*> names) const {
  // "-" is how --via starts the far ends: the same command line stands on both.
  if (!door.join || *door.join == "-") return;
  for (const char* name : names) {
    if (given(name)) throw UsageError(fmt::format("{} does not go with --join: it is said where --listen runs", name));
  }
}

std::vector<std::string> kept_arguments(int argc, const char* const* argv, const session::DoorOptions& door) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (const std::size_t at = word.find('@'); at != std::string::npos && door.join)
      word = "...@" + word.substr(at + 1);
    arguments.push_back(std::move(word));
  }
  return arguments;
}

const char* name_of(session::Door door) {
  switch (door) {
    case session::Door::launched:
      return std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr ? "mpirun" : "launcher";
    case session::Door::listen:
      return "--listen";
    case session::Door::join:
      return "--join";
    case session::Door::via:
      return "--via";
    case session::Door::local:
      return "--local";
    case session::Door::none:
      break;
  }
  return "none";
}

std::string no_door(const std::string& tool) {
  return fmt::format(
      "which is the other end? {0} --listen prints the line to paste there; mpirun -np 2 -H node1,node2 {0} or {0} "
      "--via ssh node2 start both; --local measures this machine alone",
      tool);
}

}  // namespace rocekit::cli
