// write-manuals DIR DATE: writes DIR/man and DIR/completions of all tools.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <filesystem>

#include "core/exit_code.h"
#include "core/io/user_files.h"
#include "tools/manuals/formats.h"
#include "tools/nccl-pattern/options.h"
#include "tools/roce-pingpong/options.h"
#include "tools/roce-preflight/options.h"
#include "tools/roce-probe/options.h"

namespace {

void write(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  rocekit::io::write_file(file, text);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace rocekit;
  if (argc != 3) {
    fmt::print(stderr, "usage: write-manuals DIR DATE\n");
    return static_cast<int>(ExitCode::unknown);
  }
  try {
    const std::filesystem::path directory = argv[1];
    for (const cli::CommandTable& table :
         {probe::command_table(), pingpong::command_table(), pattern::command_table(), preflight::command_table()}) {
      const std::string& tool = table.manual.tool;
      write(directory / "man" / (tool + ".8"), manuals::man_page(table, argv[2]));
      write(directory / "completions" / "bash" / tool, manuals::bash_completion(table));
      write(directory / "completions" / "zsh" / ("_" + tool), manuals::zsh_completion(table));
      write(directory / "completions" / "fish" / (tool + ".fish"), manuals::fish_completion(table));
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "write-manuals: {}\n", error.what());
    return static_cast<int>(ExitCode::unknown);
  }
  return 0;
}
