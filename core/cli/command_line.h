// What all tools' command lines have in common: CLI11's errors as sentences, near words, bounded numbers.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cli/command_table.h"
#include "core/error.h"
#include "core/text/style.h"

namespace CLI {
class App;
}

namespace rocekit::cli {

/// The command line cannot be used: one sentence.
class UsageError : public InputError {
 public:
  using InputError::InputError;
};

/// The word as it can be shown: printable, in quotes, at most 60 columns.
std::string in_quotes(std::string_view word);

/// Adds --help and --version, which sets `version`.
void add_about_options(CLI::App& app, bool& version);

/// Parses with `app`. Returns the text of --help when that was asked for, from `manual` and the options themselves.
/// Throws UsageError.
std::optional<std::string> parse(CLI::App& app, int argc, const char* const* argv, const Manual& manual);

/// Throws UsageError "`option` takes ..., not "word"" unless the word is a whole number within the bounds.
long long number_within(const std::string& option, const std::string& word, long long low, long long high);

/// "2", "2s", "500ms", "1.5m" (minutes); a bare number is seconds. Throws UsageError outside the bounds.
std::chrono::milliseconds duration_within(const std::string& option, const std::string& word,
                                          std::chrono::milliseconds low, std::chrono::milliseconds high);

/// Words of a list "a,b,c", empty ones left out.
std::vector<std::string> split_list(std::string_view list);

/// Throws UsageError "`option` takes a, b, c, not "word"", with a near word.
[[noreturn]] void refuse_word(const std::string& option, const std::string& word,
                              const std::vector<std::string>& known);

template <class T>
T one_of(const std::string& option, const std::string& word, const std::map<std::string, T>& values) {
  const auto found = values.find(word);
  if (found != values.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [name, value] : values) names.push_back(name);
  refuse_word(option, word, names);
}

/// --color WHEN
text::ColorMode color_mode(const std::string& word);

}  // namespace rocekit::cli
