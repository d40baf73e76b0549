#include "core/cli/command_table.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>

namespace rocekit::cli {
namespace {

/// CLI11's name for what was given no group.
constexpr const char* group_of_help = "Options";

Values by_value_name(const std::string& value) {
  for (const std::string_view word : {"FILE", "PATH", "OTHER.json"}) {
    if (value.find(word) != std::string::npos) return {Values::Kind::file, {}};
  }
  if (value == "DIR") return {Values::Kind::directory, {}};
  if (value == "F") return {Values::Kind::file, {}};
  if (value.rfind("LAUNCHER", 0) == 0) return {Values::Kind::launcher_hosts, {}};
  return {};
}

OptionEntry entry_of(const CLI::Option& option, const ValuesOfOptions& values) {
  OptionEntry entry;
  for (const std::string& name : option.get_snames()) entry.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) entry.names.push_back("--" + name);
  if (entry.names.empty()) entry.names.push_back(option.get_name(true));
  // "--json{-}": a flag that takes a value when it stands in the same word.
  entry.value = option.get_fnames().empty() ? option.get_type_name() : "[=FILE]";
  if (entry.positional()) entry.value.clear();
  entry.text = option.get_description();
  const auto known = values.find(entry.names.back());
  entry.values = known != values.end() ? known->second : by_value_name(entry.value);
  return entry;
}

bool is_shown(const CLI::Option& option) { return !option.get_group().empty(); }

std::vector<OptionEntry> entries_of(const CLI::App& app, const std::string& group, const ValuesOfOptions& values) {
  std::vector<OptionEntry> entries;
  for (const CLI::Option* option : app.get_options()) {
    if (is_shown(*option) && option->get_group() == group) entries.push_back(entry_of(*option, values));
  }
  return entries;
}

}  // namespace

CommandTable table_of(const CLI::App& app, const Manual& manual, const ValuesOfOptions& values) {
  CommandTable table;
  table.manual = manual;
  const auto add = [&](const std::string& group, const std::string& title) {
    std::vector<OptionEntry> options = entries_of(app, group, values);
    if (!options.empty()) table.groups.push_back({title, std::move(options)});
  };
  std::vector<std::string> seen;
  for (const CLI::Option* option : app.get_options()) {
    const std::string& group = option->get_group();
    if (!is_shown(*option) || group == group_of_help) continue;
    if (std::find(seen.begin(), seen.end(), group) != seen.end()) continue;
    seen.push_back(group);
    add(group, group);
  }
  add(group_of_help, "About the tool");
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_group().empty()) continue;
    CommandEntry entry{command->get_name(), command->get_description(), {}};
    for (const CLI::Option* option : command->get_options()) {
      if (is_shown(*option) && option->get_name() != "--help") entry.options.push_back(entry_of(*option, values));
    }
    table.commands.push_back(std::move(entry));
  }
  return table;
}

}  // namespace rocekit::cli
