#include "collectives/traffic/parallelism.h"

#include <fmt/format.h>

#include <charconv>

#include "core/error.h"
#include "core/text/ascii.h"
#include "core/text/utf8.h"

namespace rocekit::traffic {
namespace {

constexpr std::uint64_t most_ranks = 1024;

std::string in_quotes(std::string_view word) {
  return fmt::format("\"{}\"", text::shortened(text::printable(word), 40));
}

std::uint64_t* degree_named(Parallelism& mode, std::string_view letters) {
  if (letters == "tp") return &mode.tensor;
  if (letters == "pp") return &mode.pipeline;
  if (letters == "dp") return &mode.data;
  if (letters == "ep") return &mode.expert;
  return nullptr;
}

}  // namespace

const char* to_string(ExpertForm form) {
  switch (form) {
    case ExpertForm::all_reduce:
      return "all-reduce";
    case ExpertForm::gather_scatter:
      return "all-gather+reduce-scatter";
    case ExpertForm::dispatch_combine:
      return "all-to-all";
  }
  return "?";
}

std::uint64_t Parallelism::ranks() const { return expert > 1 ? expert : tensor * pipeline; }

std::string Parallelism::name() const {
  std::string name;
  if (data > 1) name += fmt::format("dp{}", data);
  if (expert > 1) name += fmt::format("ep{}", expert);
  if (tensor > 1) name += fmt::format("tp{}", tensor);
  if (pipeline > 1) name += fmt::format("pp{}", pipeline);
  return name;
}

Parallelism parse_parallelism(std::string_view given) {
  const std::string word = text::lower_case(given);
  Parallelism mode;
  const InputError unknown(
      fmt::format("{} is no mode: write tp2, pp2, tp4pp2, ep2 or dp2ep2 (any number of ranks)", in_quotes(given)));
  for (std::size_t at = 0; at < word.size();) {
    std::uint64_t* const degree = degree_named(mode, std::string_view(word).substr(at, 2));
    if (degree == nullptr || *degree != 1) throw unknown;
    at += 2;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(word.data() + at, word.data() + word.size(), number);
    if (end == word.data() + at) throw unknown;
    if (error != std::errc{} || number < 2 || number > most_ranks) {
      throw InputError(fmt::format("mode {}: a group has 2 to {} ranks", in_quotes(given), most_ranks));
    }
    *degree = number;
    at = static_cast<std::size_t>(end - word.data());
  }
  const bool dense = mode.tensor > 1 || mode.pipeline > 1;
  const bool experts = mode.expert > 1 || mode.data > 1;
  if (!dense && !experts) throw unknown;
  if (dense && experts) {
    throw InputError(
        fmt::format("mode {}: expert parallelism is planned alone (ep2) or with as many data-parallel ranks "
                    "(dp2ep2), not together with tp or pp",
                    in_quotes(given)));
  }
  if (mode.data > 1 && mode.data != mode.expert) {
    throw InputError(
        fmt::format("mode {}: dp and ep take the same number of ranks, as in dp2ep2; data parallelism alone "
                    "sends no activations",
                    in_quotes(given)));
  }
  if (mode.ranks() > most_ranks)
    throw InputError(fmt::format("mode {}: more than {} ranks", in_quotes(given), most_ranks));
  return mode;
}

std::vector<ExpertForm> forms_of(const Parallelism& mode) {
  if (mode.expert <= 1) return {};
  if (mode.data > 1) return {ExpertForm::gather_scatter, ExpertForm::dispatch_combine};
  return {ExpertForm::dispatch_combine, ExpertForm::gather_scatter, ExpertForm::all_reduce};
}

}  // namespace rocekit::traffic
