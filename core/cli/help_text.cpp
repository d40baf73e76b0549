#include <fmt/format.h>

#include <algorithm>

#include "core/cli/command_table.h"
#include "core/text/table.h"

namespace rocekit::cli {
namespace {

constexpr int width = 118;
constexpr std::size_t most_examples = 3;
/// Options longer than this have their text on the next line.
constexpr std::size_t most_columns = 36;

std::string shown(const OptionEntry& option) {
  const std::string names = fmt::format("{}", fmt::join(option.names, ", "));
  if (option.value.empty()) return names;
  return names + (option.attached_value() ? "" : " ") + option.value;
}

std::string lines(const std::vector<Entry>& entries, std::size_t columns) {
  std::string text;
  for (const Entry& entry : entries) {
    const std::string left = "  " + entry.term;
    const bool apart = left.size() + 2 > columns;
    if (apart) text += left + "\n";
    const std::string first = apart ? std::string(columns, ' ') : fmt::format("{:<{}}", left, columns);
    bool begun = false;
    for (const std::string& line : text::wrap(entry.text, std::max(width - static_cast<int>(columns), 40))) {
      text += (begun ? std::string(columns, ' ') : first) + line + "\n";
      begun = true;
    }
  }
  return text;
}

std::vector<Entry> entries_of(const std::vector<OptionEntry>& options) {
  std::vector<Entry> entries;
  for (const OptionEntry& option : options) entries.push_back({shown(option), option.text});
  return entries;
}

std::string synopsis_of(const CommandEntry& command) {
  std::string words = command.name;
  for (const OptionEntry& option : command.options) {
    if (option.positional()) words += " " + option.names.front();
  }
  return words;
}

std::size_t columns_for(const std::vector<Entry>& entries, std::size_t columns) {
  for (const Entry& entry : entries) {
    if (entry.term.size() <= most_columns) columns = std::max(columns, entry.term.size() + 4);
  }
  return columns;
}

std::string help_of_command(const CommandTable& table, const CommandEntry& command) {
  const std::string& tool = table.manual.tool;
  const bool options = std::any_of(command.options.begin(), command.options.end(),
                                   [](const OptionEntry& option) { return !option.positional(); });
  std::string text =
      fmt::format("Usage: {} {}{}\n\n{}\n", tool, synopsis_of(command), options ? " [OPTIONS]" : "", command.text);
  if (!command.options.empty()) {
    const std::vector<Entry> entries = entries_of(command.options);
    text += "\n" + lines(entries, columns_for(entries, 0));
  }
  return text + fmt::format("\nOptions of all commands: {} --help\n", tool);
}

}  // namespace

std::string help_text(const CommandTable& table, const std::string& command) {
  for (const CommandEntry& entry : table.commands) {
    if (entry.name == command) return help_of_command(table, entry);
  }
  const Manual& manual = table.manual;
  std::vector<Entry> examples;
  for (const Example& example : manual.examples) {
    if (examples.size() < most_examples) examples.push_back({example.command, example.meaning});
  }
  std::size_t columns = 0;
  for (const Entry& example : examples) columns = std::max(columns, example.term.size() + 4);
  std::string text;
  for (const Entry& example : examples) {
    text += example.text.empty() ? fmt::format("  {}\n", example.term) : lines({example}, columns);
  }
  text += "\n";
  for (const std::string& line : text::wrap(manual.about.front(), width)) text += line + "\n";
  std::vector<std::string> codes;
  for (const Entry& code : manual.exit_codes) codes.push_back(code.term + " " + code.text);
  for (const std::string& line : text::wrap(fmt::format("Exit code: {}.", fmt::join(codes, ", ")), width))
    text += line + "\n";
  text += fmt::format("\nUsage: {} [OPTIONS]{}\n", manual.tool, table.commands.empty() ? "" : " [COMMAND]");

  columns = 0;
  for (const OptionGroup& group : table.groups) columns = columns_for(entries_of(group.options), columns);
  for (const OptionGroup& group : table.groups) {
    text += fmt::format("\n{}:\n{}", group.title, lines(entries_of(group.options), columns));
  }
  if (table.commands.empty()) return text;
  text += "\nCommands:\n";
  for (const CommandEntry& entry : table.commands) {
    text += lines({{synopsis_of(entry), entry.text}}, columns);
    for (Entry& option : entries_of(entry.options)) {
      if (option.term.front() == '-') text += lines({{"  " + option.term, option.text}}, columns);
    }
  }
  return text;
}

}  // namespace rocekit::cli
