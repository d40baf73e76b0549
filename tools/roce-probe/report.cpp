#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/io/user_files.h"
#include "core/text/table.h"
#include "core/text/utc_time.h"
#include "probes/facts/facts_json.h"
#include "probes/facts/file_tree.h"
#include "probes/facts/kernel/container_runtime.h"
#include "probes/facts/read_node.h"
#include "probes/facts/snapshot.h"
#include "probes/report/diff.h"
#include "probes/report/exit_code_of.h"
#include "probes/report/json_report.h"
#include "probes/report/text_report.h"
#include "tools/roce-probe/commands.h"

namespace rocekit::probe {
namespace {

/// A node, and where it was read from files, what --save DIR needs.
struct Reading {
  facts::NodeFacts node;
  std::optional<facts::Snapshot> snapshot;
};

facts::NodeFacts load_document(const std::string& path) {
  if (std::error_code error; path != "-" && std::filesystem::is_directory(path, error)) {
    throw InputError(fmt::format("{} is a directory, not a document: --root reads a node saved as a directory", path));
  }
  const std::string text = io::read_input(path, facts::max_json_bytes);
  return report::node_from_document(text, path == "-" ? "standard input" : path);
}

Reading read_tree(facts::FileTree tree, const Options& options, bool keep) {
  std::optional<int> serving = process_of(options);
  if (keep) tree.start_recording();
  facts::AskOptions ask;
  ask.gpus = options.gpus;
  std::uint64_t start = 0;
  if (serving) start = facts::require_process(tree, *serving);
  ask.serving = serving;
  Reading reading;
  facts::KernelAnswers answers = tree.is_live() ? facts::ask_this_node(ask) : facts::load_answers(tree);
  // A node that was saved with a process is judged with it again.
  if (!serving && !tree.is_live() && answers.serving) serving = answers.serving->pid;
  reading.node = facts::read_node(tree, answers, serving);
  if (tree.is_live()) facts::require_same_process(serving, start);
  if (!keep) return reading;
  facts::Snapshot snapshot{tree.record(), std::move(answers)};
  if (options.anonymize) {
    snapshot = facts::anonymize(snapshot);
    reading.node = facts::read_node(facts::tree_of(snapshot), snapshot.answers, serving);
  }
  reading.snapshot = std::move(snapshot);
  return reading;
}

Reading read(const Options& options) {
  if (options.load) return {load_document(*options.load), std::nullopt};
  const bool keep = options.anonymize || (options.save && !is_document(*options.save));
  return read_tree(options.root ? facts::FileTree::open(*options.root) : facts::FileTree::live(), options, keep);
}

/// The other node of --diff: a document, or a directory as --root takes.
facts::NodeFacts read_other(const std::string& name) {
  std::error_code error;
  if (name == "-" || !std::filesystem::is_directory(name, error)) return load_document(name);
  const facts::FileTree tree = facts::FileTree::open(name);
  return facts::read_node(tree, facts::load_answers(tree));
}

std::string json_text(const nlohmann::ordered_json& document) { return document.dump(2) + '\n'; }

void save(const std::optional<facts::Snapshot>& snapshot, const report::ProbeReport& report,
          const std::string& started_at, const std::string& name) {
  if (is_document(name)) {
    io::write_file(name, json_text(report::render_json(report, started_at)));
    fmt::print(stderr, "roce-probe: saved in {}; read it with: roce-probe --load {}\n", name, name);
  } else {
    facts::write_snapshot(*snapshot, name);
    fmt::print(stderr, "roce-probe: saved in {}; read it with: roce-probe --root {}\n", name, name);
  }
}

/// The report as text, and as JSON where asked; JSON on standard output stands alone there.
void write(const Options& options, const std::string& text, const nlohmann::ordered_json& json) {
  if (options.json && *options.json != "-") io::write_file(*options.json, json_text(json));
  io::write_standard_output(options.json && *options.json == "-" ? json_text(json) : text);
}

ExitCode compare(const Options& options, const facts::NodeFacts& node, const std::string& started_at) {
  report::Comparison comparison;
  comparison.a = report::name_of(node, options.load.value_or(options.root.value_or("this node")));
  const facts::NodeFacts other = read_other(*options.diff);
  comparison.b = report::name_of(other, *options.diff);
  comparison.differences = report::compare(node, other);
  const text::Style style = text::Style::detect(options.color, STDOUT_FILENO);
  report::DiffTextOptions layout;
  layout.verbose = options.verbose;
  layout.width = text::terminal_columns(STDOUT_FILENO);
  write(options, report::render_diff_text(comparison, style, layout),
        options.json ? report::render_diff_json(comparison, started_at) : nlohmann::ordered_json());
  switch (report::heaviest(comparison.differences)) {
    case report::Weight::matters:
      return ExitCode::warning;
    case report::Weight::not_compared:
      return ExitCode::unknown;
    case report::Weight::noted:
    case report::Weight::expected:
      break;
  }
  return ExitCode::ready;
}

}  // namespace

std::optional<int> process_of(const Options& options) {
  if (!options.container) return options.pid;
  return facts::kernel::process_of_container(*options.container);
}

facts::NodeFacts node_of(const Options& options) { return read(options).node; }

ExitCode report(const Options& options) {
  // Mistyped IDs are told before a node is asked for seconds.
  std::vector<const checks::Check*> selected;
  for (const std::string& id : options.checks) {
    selected.push_back(&check_named(id));
    if (selected.back()->run == nullptr) {
      throw InputError(
          fmt::format("{} is judged by roce-pingpong, nccl-pattern or roce-preflight, which look at several nodes; "
                      "roce-probe reads "
                      "one",
                      selected.back()->id));
    }
  }

  const std::string started_at = text::utc(std::chrono::system_clock::now());
  Reading reading = read(options);
  if (options.diff && !options.save) return compare(options, reading.node, started_at);

  checks::Expectations expect;
  expect.mtu = options.expect_mtu;
  expect.rate_gbit_s = options.expect_rate_gbit_s;
  const report::ProbeReport judged = report::examine(std::move(reading.node), expect, std::move(selected));
  if (options.save) save(reading.snapshot, judged, started_at, *options.save);
  if (options.diff) return compare(options, judged.node, started_at);

  const text::Style style = text::Style::detect(options.color, STDOUT_FILENO);
  report::TextOptions layout;
  layout.verbose = options.verbose;
  layout.width = text::terminal_columns(STDOUT_FILENO);
  const bool text_wanted = !options.json || *options.json != "-";
  write(options, text_wanted ? report::render_text(judged, style, layout) : std::string(),
        options.json ? report::render_json(judged, started_at) : nlohmann::ordered_json());
  return report::exit_code_of(judged.verdict, options.fail_on);
}

}  // namespace rocekit::probe
