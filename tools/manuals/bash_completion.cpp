#include <fmt/format.h>

#include <algorithm>

#include "tools/manuals/formats.h"

namespace rocekit::manuals {
namespace {

using cli::OptionEntry;
using Kind = cli::Values::Kind;

/// Words within double quotes of bash: no word of an option table has a character that means something there.
std::string words_of(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

std::string names_of(const std::vector<OptionEntry>& options) {
  std::string names;
  for (const OptionEntry& option : options) {
    if (!option.positional()) names += (names.empty() ? "" : " ") + words_of(option.names);
  }
  return names;
}

/// What completes the value, as a command of the script; empty: nothing does.
std::string action(const cli::Values& values) {
  const std::string words = words_of(values.words);
  switch (values.kind) {
    case Kind::words:
      return fmt::format("_words \"{}\"", words);
    case Kind::list:
      return fmt::format("_list \"{}\"", words);
    case Kind::file:
      return fmt::format("_files \"{}\"", words);
    case Kind::directory:
      return "_directories";
    case Kind::container:
      return "_containers";
    case Kind::process:
      return "_processes";
    case Kind::launcher_hosts:
      return "_launcher";
    case Kind::none:
      break;
  }
  return {};
}

/// A branch of `case $option`: the option and what follows it. A value that may be left out is offered, and other
/// options too.
std::string branch(const OptionEntry& option, const std::string& function) {
  if (option.value.empty() || option.positional()) return {};
  const std::string does = action(option.values);
  const std::string names = fmt::format("{}", fmt::join(option.names, "|"));
  if (option.attached_value()) {
    return fmt::format("    {}) [ -n \"$attached\" ] && {{ {}_files \"\"; return; }} ;;\n", names, function);
  }
  if (option.optional_value()) return {};
  return fmt::format("    {}) {}{}return ;;\n", names, does.empty() ? "" : function + does, does.empty() ? "" : "; ");
}

}  // namespace

std::string bash_completion(const cli::CommandTable& table) {
  const std::string& tool = table.manual.tool;
  std::string f = "_" + tool;
  std::replace(f.begin(), f.end(), '-', '_');

  std::vector<OptionEntry> all;
  for (const cli::OptionGroup& group : table.groups) all.insert(all.end(), group.options.begin(), group.options.end());
  std::string command_names;
  std::string command_branches;
  std::string value_branches;
  for (const OptionEntry& option : all) value_branches += branch(option, f);
  for (const cli::CommandEntry& command : table.commands) {
    command_names += (command_names.empty() ? "" : " ") + command.name;
    const std::string own = names_of(command.options);
    for (const OptionEntry& option : command.options) {
      value_branches += branch(option, f);
      if (option.positional() && !action(option.values).empty()) {
        command_branches += fmt::format("    {}) case $cur in -*) ;; *) {}{}; return ;; esac ;;\n", command.name, f,
                                        action(option.values));
      }
    }
    if (!own.empty()) command_branches += fmt::format("    {}) options=\"{} $options\" ;;\n", command.name, own);
  }
  std::string text = fmt::format(
      "# bash completion of {0}\n"
      "{1}_words() {{\n"
      "  local word\n"
      "  while IFS= read -r word; do COMPREPLY+=(\"$word\"); done < <(compgen -W \"$1\" -- \"$cur\")\n"
      "}}\n"
      "# One of several words that commas part.\n"
      "{1}_list() {{\n"
      "  local word before=\"\"\n"
      "  case $cur in *,*) before=${{cur%,*}}, ;; esac\n"
      "  while IFS= read -r word; do COMPREPLY+=(\"$before$word\"); done < <(compgen -W \"$1\" -- \"${{cur##*,}}\")\n"
      "  compopt -o nospace 2>/dev/null\n"
      "}}\n"
      "{1}_files() {{\n"
      "  local word\n"
      "  compopt -o filenames 2>/dev/null\n"
      "  while IFS= read -r word; do COMPREPLY+=(\"$word\"); done < <(compgen -W \"$1\" -- \"$cur\"; compgen -f -- "
      "\"$cur\")\n"
      "}}\n"
      "{1}_directories() {{\n"
      "  local word\n"
      "  compopt -o filenames 2>/dev/null\n"
      "  while IFS= read -r word; do COMPREPLY+=(\"$word\"); done < <(compgen -d -- \"$cur\")\n"
      "}}\n"
      "{1}_containers() {{\n"
      "  {1}_words \"$( {{ podman ps --format '{{{{.Names}}}}' || docker ps --format '{{{{.Names}}}}'; }} "
      "2>/dev/null)\"\n"
      "}}\n"
      "{1}_processes() {{\n"
      "  {1}_words \"$(cd /proc && echo [1-9]*)\"\n"
      "}}\n"
      "{1}_launcher() {{ {1}_words \"ssh\"; }}\n"
      "{1}_hosts() {{\n"
      "  local word\n"
      "  while IFS= read -r word; do COMPREPLY+=(\"$word\"); done < <(compgen -A hostname -- \"$cur\")\n"
      "}}\n",
      tool, f);
  text += fmt::format(
      "{0}() {{\n"
      "  local cur=${{COMP_WORDS[COMP_CWORD]}} option=${{COMP_WORDS[COMP_CWORD-1]}} attached=\"\"\n"
      "  local options=\"{1}\"\n"
      "  COMPREPLY=()\n"
      "  # bash parts --name=value into three words.\n"
      "  if [ \"$cur\" = \"=\" ]; then\n"
      "    cur=\"\" attached=yes\n"
      "  elif [ \"$option\" = \"=\" ] && [ \"$COMP_CWORD\" -ge 2 ]; then\n"
      "    option=${{COMP_WORDS[COMP_CWORD-2]}} attached=yes\n"
      "  fi\n"
      "  if [ \"$COMP_CWORD\" -ge 2 ] && [ \"${{COMP_WORDS[COMP_CWORD-2]}}\" = --via ]; then {0}_hosts; return; fi\n"
      "  case $option in\n"
      "{2}"
      "  esac\n",
      f, names_of(all), value_branches);
  if (!table.commands.empty()) {
    text += fmt::format(
        "  local commands=\" {0} \" command=\"\" i\n"
        "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "    case $commands in *\" ${{COMP_WORDS[i]}} \"*) command=${{COMP_WORDS[i]}}; break ;; esac\n"
        "  done\n"
        "  case $command in\n"
        "    \"\") case $cur in -*) ;; *) {1}_words \"$commands\"; [ -z \"$cur\" ] || return ;; esac ;;\n"
        "{2}"
        "  esac\n",
        command_names, f, command_branches);
  }
  text += fmt::format(
      "  {0}_words \"$options\"\n"
      "}}\n"
      "complete -F {0} {1}\n",
      f, tool);
  return text;
}

}  // namespace rocekit::manuals
