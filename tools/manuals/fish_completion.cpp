#include <fmt/format.h>

#include <string_view>

#include "tools/manuals/formats.h"

namespace rocekit::manuals {
namespace {

using cli::OptionEntry;
using Kind = cli::Values::Kind;

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char letter : text) {
    if (letter == '\'' || letter == '\\') out += '\\';
    out += letter;
  }
  return out + "'";
}

/// Options of `complete` for the value.
std::string value_words(const OptionEntry& option) {
  if (option.value.empty()) return "";
  // fish knows no value that may be left out: what looks like one is offered after "=" only.
  if (option.attached_value()) return "";
  if (option.optional_value()) return "";
  const std::string words = fmt::format("{}", fmt::join(option.values.words, " "));
  switch (option.values.kind) {
    case Kind::words:
      return " -x -a " + quoted(words);
    case Kind::list:
      return " -x -a " + quoted(fmt::format("(__fish_append , {})", words));
    case Kind::file:
      return " -r -F" + (words.empty() ? "" : " -a " + quoted(words));
    case Kind::directory:
      return " -x -a '(__fish_complete_directories)'";
    case Kind::container:
      return " -x -a '(podman ps --format \"{{.Names}}\" 2>/dev/null; or docker ps --format \"{{.Names}}\" "
             "2>/dev/null)'";
    case Kind::process:
      return " -x -a '(__fish_complete_pids)'";
    case Kind::launcher_hosts:
      return " -x -a 'ssh (__fish_print_hostnames)'";
    case Kind::none:
      break;
  }
  return " -x";
}

std::string line(const std::string& tool, const std::string& condition, const OptionEntry& option) {
  std::string names;
  for (const std::string& name : option.names) {
    const bool is_long = name.rfind("--", 0) == 0;
    names += is_long ? " -l " + name.substr(2) : (name.size() == 2 ? " -s " : " -o ") + name.substr(1);
  }
  return fmt::format("complete -c {}{}{}{} -d {}\n", tool, condition, names, value_words(option), quoted(option.text));
}

}  // namespace

std::string fish_completion(const cli::CommandTable& table) {
  const std::string& tool = table.manual.tool;
  std::string text = fmt::format("# fish completion of {0}\ncomplete -c {0} -f\n", tool);
  for (const cli::OptionGroup& group : table.groups) {
    for (const OptionEntry& option : group.options) text += line(tool, "", option);
  }
  for (const cli::CommandEntry& command : table.commands) {
    text +=
        fmt::format("complete -c {} -n __fish_use_subcommand -a {} -d {}\n", tool, command.name, quoted(command.text));
    const std::string seen = fmt::format(" -n '__fish_seen_subcommand_from {}'", command.name);
    for (const OptionEntry& option : command.options) {
      if (!option.positional()) {
        text += line(tool, seen, option);
      } else if (option.values.kind == Kind::words) {
        text += fmt::format("complete -c {}{} -a {}\n", tool, seen,
                            quoted(fmt::format("{}", fmt::join(option.values.words, " "))));
      }
    }
  }
  return text;
}

}  // namespace rocekit::manuals
