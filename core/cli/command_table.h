// A tool's command line as data. --help, the man page and the shells' completions are all made from it.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace rocekit::cli {

struct Example {
  std::string command;
  std::string meaning;  ///< may be empty
};

/// A term of a list and what it means: an exit code, a variable, a file.
struct Entry {
  std::string term;
  std::string text;
};

/// What the options do not tell of a tool.
struct Manual {
  std::string tool;
  std::string summary;             ///< what it is for, in half a sentence without a full stop
  std::vector<Example> examples;   ///< the first three begin --help
  std::vector<std::string> about;  ///< paragraphs; the first stands in --help too
  std::vector<Entry> exit_codes;   ///< "0", "ready"
  std::vector<Entry> environment;
  std::vector<Entry> files;
  std::vector<std::string> see_also;  ///< "roce-pingpong(8)"
};

/// What a shell can offer for an option's value.
struct Values {
  enum class Kind {
    none,
    words,  ///< one of `words`
    list,   ///< several of them, parted by commas
    file,   ///< a path, or one of `words`
    directory,
    container,       ///< name of a running podman or docker container
    process,         ///< number of a process
    launcher_hosts,  ///< two words: a launcher (ssh), and hosts
  };
  Kind kind = Kind::none;
  std::vector<std::string> words;
};
/// By the option's long name: "--op". Paths need no entry: FILE, PATH and DIR say it.
using ValuesOfOptions = std::map<std::string, Values>;

struct OptionEntry {
  std::vector<std::string> names;  ///< "-v", "--verbose"; of a positional its name
  std::string value;               ///< "FILE", "[N]", "[=FILE]" (attached only); empty: a flag
  std::string text;
  Values values;

  bool positional() const { return names.front().front() != '-'; }
  /// The value may be left out.
  bool optional_value() const { return !value.empty() && value.front() == '['; }
  /// The value stands in the same word: --json=FILE.
  bool attached_value() const { return value.rfind("[=", 0) == 0; }
};

struct OptionGroup {
  std::string title;
  std::vector<OptionEntry> options;
};

struct CommandEntry {
  std::string name;
  std::string text;
  std::vector<OptionEntry> options;
};

struct CommandTable {
  Manual manual;
  std::vector<OptionGroup> groups;     ///< those of --help and --version last
  std::vector<CommandEntry> commands;  ///< "explain", "predict"; none in most tools
};

/// The options and commands of `app`, hidden ones left out.
CommandTable table_of(const CLI::App& app, const Manual& manual, const ValuesOfOptions& values);

/// The text of --help; of one command alone when `command` names it.
std::string help_text(const CommandTable& table, const std::string& command = {});

}  // namespace rocekit::cli
