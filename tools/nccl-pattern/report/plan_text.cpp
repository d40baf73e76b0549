#include "tools/nccl-pattern/report/text_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "collectives/traffic/bus_bandwidth.h"
#include "core/text/sizes.h"
#include "core/text/table.h"
#include "core/text/utf8.h"
#include "tools/nccl-pattern/labels.h"
#include "tools/nccl-pattern/report/writer.h"

namespace rocekit::pattern {
namespace {

using text::Tone;

/// About three digits.
std::string digits(double value) {
  const double size = std::fabs(value);
  return fmt::format("{:.{}f}", value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

std::string model_words(const traffic::Model& model) {
  std::string words = fmt::format("{}: hidden size {}, {}, vocabulary {}, {}", model.name, model.hidden,
                                  plural(model.layers, "layer"), model.vocabulary, traffic::to_string(model.type));
  if (model.routes()) {
    words += fmt::format(", {} experts of which a token takes {}", model.experts, model.experts_per_token);
    if (model.dense_layers > 0) words += fmt::format(", {}", plural(model.dense_layers, "dense layer"));
  }
  return words;
}

void write_pairs(Writer& writer, const traffic::Operation& operation) {
  constexpr std::size_t widest = 10;  // "1023.5 KiB" and what stands between columns: more ranks are for wide terminals
  const auto fitting = static_cast<std::size_t>(writer.width()) / (widest + 2) - 1;
  if (!operation.pairs || operation.pairs->ranks > std::min<std::size_t>(8, fitting)) return;
  const traffic::PairBytes& pairs = *operation.pairs;
  std::vector<text::Column> columns{{"from", 0}};
  for (std::size_t to = 0; to < pairs.ranks; ++to) columns.push_back({fmt::format("to rank {}", to), 0});
  text::Table table(std::move(columns));
  for (std::size_t from = 0; from < pairs.ranks; ++from) {
    std::vector<text::Cell> row{{fmt::format("rank {}", from)}};
    for (std::size_t to = 0; to < pairs.ranks; ++to) {
      row.push_back({size_words(pairs.at(from, to)), from == to ? Tone::faint : Tone::plain});
    }
    table.add_row(std::move(row));
  }
  writer.blank();
  writer.line(fmt::format("{}: bytes from rank to rank", operation.what));
  writer.table(table);
}

/// Widest "what" beside the other columns of a step's table; it wraps, so that narrow terminals lack no column.
int what_columns(const std::vector<std::vector<text::Cell>>& rows, std::size_t what, int width) {
  constexpr int least = 16;
  std::vector<std::size_t> widest(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widest[i] = std::max(widest[i], text::columns(row[i].text));
  }
  widest[what] = 0;
  const auto others = std::accumulate(widest.begin(), widest.end(), std::size_t{0}) + 2 * rows.front().size();
  return std::max(width - static_cast<int>(others), least);
}

void write_step(Writer& writer, const Plan& plan, const traffic::Step& step) {
  writer.title(step_words(plan, step));
  constexpr std::size_t what = 2;
  std::vector<std::vector<text::Cell>> rows{{{"count"}, {"operation"}, {"what"}, {"each rank"}, {"a step"}, {"group"}}};
  for (const traffic::Operation& operation : step.operations) {
    rows.push_back({{std::to_string(operation.count)},
                    {to_string(operation.kind), Tone::accent},
                    {operation.what},
                    {size_words(operation.bytes_per_rank())},
                    {size_words(operation.count * operation.bytes_per_rank())},
                    {to_string(operation.group)}});
  }
  std::vector<text::Column> columns;
  for (const text::Cell& title : rows.front()) columns.push_back({title.text});
  const int width = what_columns(rows, what, writer.width());
  text::Table table(std::move(columns));
  std::string issued_by;
  for (std::size_t i = 0; i < step.operations.size(); ++i) {
    const traffic::Operation& operation = step.operations[i];
    if (operation.issued_by != issued_by) table.add_line({"issued by " + operation.issued_by, Tone::faint}, 2);
    issued_by = operation.issued_by;
    std::vector<text::Cell>& row = rows[i + 1];
    for (const std::string& words : text::wrap(operation.what, width)) {
      row[what].text = words;
      table.add_row(row);
      for (text::Cell& cell : row) cell.text.clear();
    }
  }
  writer.table(table);
  writer.line(fmt::format("{} a step; each rank hands in {} and must send at least {}",
                          plural(step.operation_count(), "operation"), size_words(step.bytes_per_rank()),
                          text::rounded_size(step.wire_bytes_per_rank())));
  for (const traffic::Operation& operation : step.operations) write_pairs(writer, operation);
  writer.sentences("Assumed", step.notes, Tone::strong);
}

void write_pattern(Writer& writer, const Plan& plan) {
  const traffic::Operation& first = plan.operations.front();
  writer.title(fmt::format("{} on {}, {}", first.what, plural(first.ranks, "rank"), to_string(plan.options.type)));
  text::Table table({{"size", 0}, {"each rank", 0}, {"elements", 0}, {"busbw / algbw", 0}});
  for (const traffic::Operation& operation : plan.operations) {
    table.add_row({{text::exact_size(operation.size_bytes())},
                   {text::exact_size(operation.bytes_per_rank())},
                   {std::to_string(operation.parts.front().elements)},
                   {digits(traffic::bus_factor(operation.kind, operation.ranks))}});
  }
  writer.table(table);
}

void write_prediction(Writer& writer, const predict::Prediction& prediction) {
  const std::string& a = prediction.measured_on;
  const std::string& b = prediction.predicted_on;
  if (prediction.measured_tok_s) {
    writer.line(fmt::format("{} tok/s measured on {}: {} ms a step, {} of it communication, {} the rest",
                            token_rate(*prediction.measured_tok_s), a, digits(*prediction.step_a_ms),
                            digits(prediction.communication_a_ms), digits(*prediction.rest_ms)));
  }
  if (prediction.tok_s) {
    std::string words = fmt::format("{} tok/s predicted on {}", token_rate(*prediction.tok_s), b);
    if (prediction.interval) {
      words +=
          std::isfinite(prediction.interval->high)
              ? fmt::format(", {} to {}", token_rate(prediction.interval->low), token_rate(prediction.interval->high))
              : fmt::format(", {} or more", token_rate(prediction.interval->low));
    }
    writer.line(words);
  } else if (prediction.measured_tok_s) {
    writer.line(fmt::format("nothing is predicted on {}", b));
  }
  writer.line(fmt::format("communication alone would allow {} tok/s on {} and {} on {}",
                          token_rate(prediction.ceiling_a_tok_s), a, token_rate(prediction.ceiling_b_tok_s), b));
  writer.blank();
  text::Table table(
      {{"count", 0}, {"operation", 0}, {"what", 1}, {"size", 0}, {a + " us", 0}, {b + " us", 0}, {"saved ms", 0}});
  for (const predict::PricedOperation& operation : prediction.operations) {
    const double saved_us = operation.a.latency.p50_us - operation.b.latency.p50_us;
    table.add_row({{std::to_string(operation.count)},
                   {to_string(operation.kind), Tone::accent},
                   {operation.what},
                   {size_words(operation.size_bytes)},
                   {digits(operation.a.latency.p50_us)},
                   {digits(operation.b.latency.p50_us)},
                   {digits(static_cast<double>(operation.count) * saved_us / 1000)}});
  }
  writer.table(table);
  writer.sentences("Beware", prediction.warnings, Tone::warn);
  writer.sentences("Extrapolated", prediction.extrapolations, Tone::warn);
  writer.sentences("Assumed", prediction.assumptions, Tone::strong);
}

}  // namespace

std::string render_text(const Plan& plan, const text::Style& style, int width) {
  Writer writer(style, width);
  if (plan.options.pattern) {
    write_pattern(writer, plan);
    return writer.take();
  }
  writer.line(model_words(plan.model));
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    writer.blank();
    if (plan.predictions.empty()) {
      write_step(writer, plan, plan.steps[i]);
    } else {
      writer.title(step_words(plan, plan.steps[i]));
      write_prediction(writer, plan.predictions[i]);
    }
  }
  return writer.take();
}

}  // namespace rocekit::pattern
