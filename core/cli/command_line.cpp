#include "core/cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "core/text/near_words.h"
#include "core/text/utf8.h"

namespace rocekit::cli {
namespace {

std::string sentence_of_extras(const CLI::App& app) {
  const std::vector<std::string> rest = app.remaining(true);
  const std::string word = rest.empty() ? std::string() : rest.front();
  const bool option = word.size() > 1 && word.front() == '-';
  std::vector<std::string> known;
  if (option) {
    std::vector<const CLI::App*> apps{&app};
    for (const CLI::App* command : app.get_subcommands()) apps.push_back(command);
    for (const CLI::App* one : apps) {
      for (const CLI::Option* item : one->get_options()) {
        for (const std::string& name : item->get_lnames()) known.push_back("--" + name);
      }
    }
  } else {
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
      if (!command->get_group().empty()) known.push_back(command->get_name());
    }
  }
  const std::string name = word.substr(0, word.find('='));
  if (std::find(known.begin(), known.end(), name) != known.end()) {
    return fmt::format("{} does not go with this command", name);
  }
  std::string sentence =
      fmt::format("unknown {} {}", option ? "option" : (known.empty() ? "word" : "command"), in_quotes(name));
  if (const auto near = text::near_words(name, known); !near.empty()) {
    sentence += fmt::format(", did you mean {}?", fmt::join(near, " or "));
  }
  return sentence;
}

}  // namespace

std::string in_quotes(std::string_view word) {
  return fmt::format("\"{}\"", text::shortened(text::printable(word), 60));
}

void add_about_options(CLI::App& app, bool& version) {
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.add_flag("--version", version, "Print version, build options and the libraries found here, and exit");
}

std::optional<std::string> parse(CLI::App& app, int argc, const char* const* argv, const Manual& manual) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    const auto commands = app.get_subcommands();
    return help_text(table_of(app, manual, {}), commands.empty() ? "" : commands.front()->get_name());
  } catch (const CLI::ExtrasError&) {
    throw UsageError(sentence_of_extras(app));
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string message = error.what();
    const std::string option = message.substr(0, message.find(':'));
    const bool twice = message.find("At Most") != std::string::npos;
    throw UsageError(
        fmt::format("{} {}", text::printable(option), twice ? "was given more than once" : "needs a value"));
  } catch (const CLI::ParseError& error) {
    throw UsageError(text::printable(error.what()));
  }
}

long long number_within(const std::string& option, const std::string& word, long long low, long long high) {
  long long value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size() || value < low || value > high) {
    throw UsageError(fmt::format("{} takes a whole number from {} to {}, not {}", option, low, high, in_quotes(word)));
  }
  return value;
}

std::chrono::milliseconds duration_within(const std::string& option, const std::string& word,
                                          std::chrono::milliseconds low, std::chrono::milliseconds high) {
  const std::size_t digits = std::min(word.find_first_not_of("0123456789."), word.size());
  const std::string unit = word.substr(digits);
  const std::map<std::string, double> units{{"", 1000}, {"s", 1000}, {"ms", 1}, {"m", 60000}, {"min", 60000}};
  const std::size_t point = word.find('.');
  const auto found = units.find(unit);
  // Whole and fraction apart: from_chars of floating point is missing in the oldest standard library in use.
  const std::string whole = word.substr(0, std::min(point, digits));
  const std::string fraction = point < digits ? word.substr(point + 1, digits - point - 1) : "";
  const bool plain = whole.size() <= 9 && fraction.size() <= 9 && !(whole + fraction).empty() &&
                     fraction.find('.') == std::string::npos;
  if (found != units.end() && plain) {
    double value = whole.empty() ? 0 : static_cast<double>(std::stoll(whole));
    if (!fraction.empty()) {
      double scale = 1;
      for (std::size_t i = 0; i < fraction.size(); ++i) scale *= 10;
      value += static_cast<double>(std::stoll(fraction)) / scale;
    }
    const double ms = value * found->second;
    if (ms >= static_cast<double>(low.count()) && ms <= static_cast<double>(high.count())) {
      return std::chrono::milliseconds(static_cast<long long>(ms + 0.5));
    }
  }
  throw UsageError(fmt::format("{} takes a time from {} ms to {} s such as 2, 500ms or 1m, not {}", option, low.count(),
                               high.count() / 1000, in_quotes(word)));
}

std::vector<std::string> split_list(std::string_view list) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    if (end > at) words.emplace_back(list.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

void refuse_word(const std::string& option, const std::string& word, const std::vector<std::string>& known) {
  throw UsageError(fmt::format("{} takes {}, not {}", option, fmt::join(known, ", "), in_quotes(word)));
}

text::ColorMode color_mode(const std::string& word) {
  return one_of<text::ColorMode>(
      "--color", word,
      {{"auto", text::ColorMode::automatic}, {"always", text::ColorMode::always}, {"never", text::ColorMode::never}});
}

}  // namespace rocekit::cli
