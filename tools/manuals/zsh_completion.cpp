#include <fmt/format.h>

#include <string_view>

#include "tools/manuals/formats.h"

namespace rocekit::manuals {
namespace {

using cli::OptionEntry;
using Kind = cli::Values::Kind;

/// Text within single quotes, with what _arguments gives a meaning escaped.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    if (letter == '\'') {
      out += "'\\''";
      continue;
    }
    if (std::string_view("[]:\\").find(letter) != std::string_view::npos) out += '\\';
    out += letter;
  }
  return out;
}

std::string words_of(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + escaped(word);
  return out;
}

std::string action(const cli::Values& values) {
  switch (values.kind) {
    case Kind::words:
      return fmt::format("({})", words_of(values.words));
    case Kind::list:
      return fmt::format("_sequence compadd - {}", words_of(values.words));
    case Kind::file:
      if (values.words.empty()) return "_files";
      // Begun with a blank it is called as it stands.
      return fmt::format(" _alternative \"names\\:name\\:({})\" \"files\\:file\\:_files\"", words_of(values.words));
    case Kind::directory:
      return "_files -/";
    case Kind::container:
      return "{_values container ${(f)\"$(podman ps --format \"{{.Names}}\" 2>/dev/null || docker ps --format "
             "\"{{.Names}}\" "
             "2>/dev/null)\"}}";
    case Kind::process:
      return "_pids";
    case Kind::launcher_hosts:
    case Kind::none:
      break;
  }
  return " ";
}

/// "[=FILE]" as _arguments announces it: "FILE".
std::string plain(const std::string& value) {
  std::string out;
  for (const char letter : value) {
    if (std::string_view("[]=").find(letter) == std::string_view::npos) out += letter;
  }
  return out;
}

std::string specs(const OptionEntry& option) {
  std::string out;
  for (const std::string& name : option.names) {
    std::string spec = name;
    const bool is_long = name.rfind("--", 0) == 0;
    if (option.attached_value()) {
      spec += "=-";
    } else if (!option.value.empty() && !option.optional_value() && is_long &&
               option.values.kind != Kind::launcher_hosts) {
      spec += "=";
    }
    spec += fmt::format("[{}]", escaped(option.text));
    if (option.values.kind == Kind::launcher_hosts) {
      spec += ":launcher:(ssh):hosts:_hosts";
    } else if (!option.value.empty()) {
      spec += fmt::format("{}{}:{}", option.optional_value() ? "::" : ":", escaped(plain(option.value)),
                          option.attached_value() ? "_files" : action(option.values));
    }
    out += fmt::format("    '{}' \\\n", spec);
  }
  return out;
}

}  // namespace

std::string zsh_completion(const cli::CommandTable& table) {
  const std::string& tool = table.manual.tool;
  std::string options;
  for (const cli::OptionGroup& group : table.groups) {
    for (const OptionEntry& option : group.options) options += specs(option);
  }
  std::string commands;
  std::string arguments;
  for (const cli::CommandEntry& command : table.commands) {
    commands += fmt::format("    '{}:{}'\n", command.name, escaped(command.text));
    for (const OptionEntry& option : command.options) {
      if (!option.positional()) {
        options += specs(option);
      } else if (option.values.kind == Kind::words) {
        arguments += fmt::format("      {}) _values ID {} ;;\n", command.name, words_of(option.values.words));
      }
    }
  }
  std::string text = fmt::format(
      "#compdef {0}\n# zsh completion of {0}\nlocal context state state_descr line\ntypeset -A opt_args\n", tool);
  if (commands.empty()) return text + fmt::format("_arguments \\\n{}    && return 0\nreturn 1\n", options);
  text += fmt::format("local -a commands\ncommands=(\n{})\n", commands);
  text += fmt::format("_arguments -C \\\n{}    '1: :->command' '2: :->argument' && return 0\n", options);
  text += fmt::format(
      "case $state in\n"
      "  command) _describe command commands ;;\n"
      "  argument)\n"
      "    case $line[1] in\n"
      "{}"
      "    esac ;;\n"
      "esac\n",
      arguments.empty() ? "      *) ;;\n" : arguments);
  return text;
}

}  // namespace rocekit::manuals
