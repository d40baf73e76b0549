#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "core/text/table.h"
#include "core/version.h"
#include "tools/manuals/formats.h"

namespace rocekit::manuals {
namespace {

/// Text as roff shows it: what can be pasted (hyphens, quotes, tildes) stays what it is.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    switch (letter) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '"':
        out += "\\(dq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '^':
        out += "\\(ha";
        break;
      default:
        out += letter;
    }
  }
  // A point at the start of a line would be a request.
  if (!out.empty() && out.front() == '.') out.insert(0, "\\&");
  return out;
}

/// A paragraph in lines of usual length, as tools that read pages expect.
std::string paragraph(std::string_view text) {
  std::string out;
  for (const std::string& line : text::wrap(text, 70)) out += (out.empty() ? "" : "\n") + escaped(line);
  return out;
}

std::string bold(std::string_view text) { return "\\fB" + escaped(text) + "\\fR"; }

/// Names in capitals are what the user replaces: in italics.
std::string value(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto named = [&](std::size_t i) {
      return i < text.size() && (std::isupper(static_cast<unsigned char>(text[i])) != 0 || text[i] == '_');
    };
    std::size_t end = at;
    while (named(end)) ++end;
    if (end > at) {
      out += "\\fI" + escaped(text.substr(at, end - at)) + "\\fR";
      at = end;
      continue;
    }
    const std::string plain = escaped(text.substr(at, 1));
    out += plain.rfind("\\&", 0) == 0 ? plain.substr(2) : plain;
    ++at;
  }
  return out;
}

std::string heading(std::string_view title) { return fmt::format(".SH {}\n", title); }

std::string capital(std::string text) {
  if (!text.empty()) text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
  return text;
}

/// A sentence, though the terminal's help leaves the full stop out.
std::string sentence(const std::string& text) {
  const bool ended = text.empty() || text.find_last_of(".:!?") == text.size() - 1;
  return paragraph(text + (ended ? "" : "."));
}

std::string definitions(const std::vector<cli::Entry>& entries) {
  std::string out;
  for (const cli::Entry& entry : entries)
    out += fmt::format(".TP\n{}\n{}\n", bold(entry.term), sentence(capital(entry.text)));
  return out;
}

std::string option(const cli::OptionEntry& entry) {
  std::string names;
  for (const std::string& name : entry.names) names += (names.empty() ? "" : ", ") + bold(name);
  if (!entry.value.empty()) names += (entry.attached_value() ? "" : " ") + value(entry.value);
  return fmt::format(".TP\n{}\n{}\n", names, sentence(entry.text));
}

std::string synopsis(const cli::CommandTable& table) {
  const std::string tool = bold(table.manual.tool);
  std::string out = fmt::format("{} [\\fIOPTIONS\\fR]\n", tool);
  for (const cli::CommandEntry& command : table.commands) {
    std::string words = bold(command.name);
    for (const cli::OptionEntry& entry : command.options) {
      if (entry.positional()) words += " " + value(entry.names.front());
    }
    out += fmt::format(".br\n{} {} [\\fIOPTIONS\\fR]\n", tool, words);
  }
  return out;
}

std::string commands(const cli::CommandTable& table) {
  if (table.commands.empty()) return {};
  std::string out = heading("COMMANDS");
  for (const cli::CommandEntry& command : table.commands) {
    std::string words = bold(command.name);
    std::string options;
    for (const cli::OptionEntry& entry : command.options) {
      if (entry.positional()) {
        words += " " + value(entry.names.front());
      } else {
        options += option(entry);
      }
    }
    out += fmt::format(".TP\n{}\n{}\n", words, sentence(command.text));
    if (!options.empty()) out += ".RS\n" + options + ".RE\n";
  }
  return out;
}

}  // namespace

std::string man_page(const cli::CommandTable& table, const std::string& date) {
  const cli::Manual& manual = table.manual;
  std::string title = manual.tool;
  std::transform(title.begin(), title.end(), title.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  std::string page = fmt::format(".TH {} 8 {} \"rocekit {}\" \"rocekit\"\n.nh\n.ad l\n", title, date, version);
  page += heading("NAME") + fmt::format("{} \\- {}\n", escaped(manual.tool), escaped(manual.summary));
  page += heading("SYNOPSIS") + synopsis(table);
  page += heading("DESCRIPTION");
  bool first = true;
  for (const std::string& text : manual.about) {
    page += (first ? "" : ".PP\n") + paragraph(text) + "\n";
    first = false;
  }
  page += commands(table);
  page += heading("OPTIONS");
  for (const cli::OptionGroup& group : table.groups) {
    page += fmt::format(".SS {}\n", escaped(group.title));
    for (const cli::OptionEntry& entry : group.options) page += option(entry);
  }
  page += heading("EXIT STATUS") + definitions(manual.exit_codes);
  page += definitions({{"128+n", "ended by signal n"}});
  page += heading("ENVIRONMENT") + definitions(manual.environment);
  page += heading("FILES") + definitions(manual.files);
  page += heading("EXAMPLES");
  for (const cli::Example& example : manual.examples) {
    page += fmt::format(".TP\n{}\n{}\n", bold(example.command),
                        example.meaning.empty() ? "\\&" : sentence(capital(example.meaning)));
  }
  page += heading("SEE ALSO");
  for (std::size_t i = 0; i < manual.see_also.size(); ++i) {
    const std::string& other = manual.see_also[i];
    const std::size_t bracket = other.find('(');
    page += fmt::format(".BR {} {}{}\n", escaped(other.substr(0, bracket)), other.substr(bracket),
                        i + 1 < manual.see_also.size() ? "," : "");
  }
  return page;
}

}  // namespace rocekit::manuals
