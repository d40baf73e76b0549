#include <fmt/format.h>
#include <unistd.h>

#include <cctype>
#include <filesystem>
#include <system_error>

#include "core/error.h"
#include "core/io/user_files.h"
#include "core/text/near_words.h"
#include "core/text/style.h"
#include "core/text/table.h"
#include "core/text/utf8.h"
#include "probes/report/check_pages.h"
#include "tools/roce-probe/commands.h"

namespace rocekit::probe {

const checks::Check& check_named(const std::string& id) {
  if (const checks::Check* check = checks::find_check(id)) return *check;
  if (const checks::Check* check = checks::find_check("ROCE-" + id)) return *check;
  std::vector<std::string> known;
  for (const checks::Check& check : checks::all_checks()) known.emplace_back(check.id);
  std::string wanted = id;
  for (char& c : wanted) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (wanted.rfind("ROCE-", 0) != 0) wanted.insert(0, "ROCE-");
  std::vector<std::string> near;
  // "MTU" or "ROCE-MTU" means the whole area.
  for (const std::string& candidate : known) {
    if (wanted.size() > 5 && candidate.rfind(wanted, 0) == 0) near.push_back(candidate);
  }
  if (near.empty()) near = text::near_words(wanted, known, 4);
  throw InputError(fmt::format("there is no check {}{}; roce-probe list-checks names all",
                               text::shortened(text::printable(id), 40),
                               near.empty() ? "" : fmt::format(", near it: {}", fmt::join(near, ", "))));
}

ExitCode list_checks(const Options& options) {
  const text::Style style = text::Style::detect(options.color, STDOUT_FILENO);
  text::Table table({{"CHECK"}, {"FAULT"}});
  for (const checks::Check& check : checks::all_checks()) {
    table.add_row({{std::string(check.id), text::Tone::strong}, {std::string(check.title)}});
  }
  io::write_standard_output(
      table.render(style, text::terminal_columns(STDOUT_FILENO)) +
      "\nroce-probe explain ID tells what each judges and what to do. ROCE-PAIR and ROCE-PERF are\n"
      "judged by roce-pingpong, nccl-pattern and roce-preflight.\n");
  return ExitCode::ready;
}

ExitCode explain(const Options& options) {
  const text::Style style = text::Style::detect(options.color, STDOUT_FILENO);
  io::write_standard_output(
      report::explain_text(check_named(options.explain_id), style, text::terminal_columns(STDOUT_FILENO)));
  return ExitCode::ready;
}

ExitCode write_check_pages(const Options& options) {
  const std::filesystem::path directory = options.pages_directory;
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) throw InputError(fmt::format("cannot create {}: {}", directory.string(), error.message()));
  for (const report::Page& page : report::check_pages()) io::write_file(directory / page.file, page.text);
  return ExitCode::ready;
}

}  // namespace rocekit::probe
