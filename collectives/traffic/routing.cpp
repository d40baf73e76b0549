#include "collectives/traffic/routing.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <locale>
#include <numeric>
#include <sstream>

#include "core/error.h"
#include "core/text/ascii.h"
#include "core/text/utf8.h"

namespace rocekit::traffic {
namespace {

constexpr std::uint64_t most_copies = std::uint64_t{1} << 26U;

/// splitmix64 (Steele, Lea, Flood 2014): the standard library's distributions differ between implementations.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }
  /// 0 to bound - 1; the bias of the remainder is below bound / 2^64.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }

 private:
  std::uint64_t state_;
};

std::optional<double> plain_number(std::string_view word) {
  if (word.empty() || word.find_first_not_of("0123456789.eE+-") != std::string_view::npos) return std::nullopt;
  std::istringstream stream{std::string(word)};
  stream.imbue(std::locale::classic());
  double value = 0;
  if (!(stream >> value) || stream.peek() != std::istringstream::traits_type::eof()) return std::nullopt;
  return value;
}

/// Whole weights: sums of whole numbers are the same on every machine.
std::vector<std::uint64_t> weights_of(const Routing& routing, std::uint64_t experts) {
  if (routing.kind == Routing::Kind::uniform) return std::vector<std::uint64_t>(experts, 1);
  std::vector<double> shares(experts);
  if (routing.kind == Routing::Kind::zipf) {
    std::vector<std::uint64_t> place(experts);
    std::iota(place.begin(), place.end(), std::uint64_t{0});
    Random random(routing.seed ^ 0x7A697066U);
    for (std::uint64_t i = experts; i > 1; --i) std::swap(place[i - 1], place[random.below(i)]);
    for (std::uint64_t i = 0; i < experts; ++i) {
      shares[place[i]] = std::pow(static_cast<double>(i + 1), -routing.exponent);
    }
  } else {
    shares = routing.counts;
  }
  const double largest = *std::max_element(shares.begin(), shares.end());
  std::vector<std::uint64_t> weights(experts);
  for (std::uint64_t i = 0; i < experts; ++i) {
    const double scaled = largest > 0 ? shares[i] / largest * 1099511627776.0 : 0;  // 2^40
    weights[i] = static_cast<std::uint64_t>(std::llround(scaled));
    if (weights[i] == 0 && shares[i] > 0) weights[i] = 1;
  }
  return weights;
}

/// Draws experts one after the other, each by its weight among those that the token has not chosen yet.
class Chooser {
 public:
  explicit Chooser(std::vector<std::uint64_t> weights) : weights_(std::move(weights)), sums_(weights_.size()) {
    std::partial_sum(weights_.begin(), weights_.end(), sums_.begin());
  }

  void choose(Random& random, std::uint64_t wanted, std::vector<std::uint64_t>& chosen) const {
    chosen.clear();
    while (chosen.size() < wanted) {
      std::uint64_t expert = weights_.size();
      // Drawing again what was drawn already is the same as drawing from the rest, until the rest is small.
      for (int attempt = 0; attempt < 16 && expert == weights_.size(); ++attempt) {
        const auto at = std::upper_bound(sums_.begin(), sums_.end(), random.below(sums_.back()));
        const auto drawn = static_cast<std::uint64_t>(at - sums_.begin());
        if (std::find(chosen.begin(), chosen.end(), drawn) == chosen.end()) expert = drawn;
      }
      chosen.push_back(expert != weights_.size() ? expert : from_the_rest(random, chosen));
    }
  }

 private:
  std::uint64_t from_the_rest(Random& random, const std::vector<std::uint64_t>& chosen) const {
    std::uint64_t rest = sums_.back();
    for (const std::uint64_t expert : chosen) rest -= weights_[expert];
    std::uint64_t left = random.below(rest);
    for (std::uint64_t expert = 0; expert < weights_.size(); ++expert) {
      if (std::find(chosen.begin(), chosen.end(), expert) != chosen.end()) continue;
      if (left < weights_[expert]) return expert;
      left -= weights_[expert];
    }
    throw std::logic_error("weights do not add up");
  }

  std::vector<std::uint64_t> weights_;
  std::vector<std::uint64_t> sums_;
};

}  // namespace

std::string Routing::describe() const {
  switch (kind) {
    case Kind::uniform:
      return fmt::format("uniform, seed {}", seed);
    case Kind::zipf:
      return fmt::format("zipf {}, seed {}", exponent, seed);
    case Kind::histogram:
      return fmt::format("recorded histogram of {} experts, seed {}", counts.size(), seed);
  }
  return "?";
}

Routing parse_routing(std::string_view given) {
  const std::string word = text::lower_case(given);
  Routing routing;
  if (word == "uniform") return routing;
  routing.kind = Routing::Kind::zipf;
  if (word == "zipf") return routing;
  const std::optional<double> exponent =
      word.rfind("zipf:", 0) == 0 ? plain_number(std::string_view(word).substr(5)) : std::nullopt;
  if (!exponent || !(*exponent >= 0) || *exponent > 10) {
    throw InputError(fmt::format("\"{}\" is no routing: write uniform, zipf, or zipf:1.2 (an exponent from 0 to 10)",
                                 text::shortened(text::printable(given), 40)));
  }
  routing.exponent = *exponent;
  return routing;
}

std::vector<double> parse_expert_histogram(std::string_view text, const std::string& document) {
  std::vector<double> counts;
  constexpr std::string_view separators = ", \t\r\n[]";
  for (std::size_t at = text.find_first_not_of(separators); at != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(separators, at), text.size());
    const std::string_view word = text.substr(at, end - at);
    const std::optional<double> count = plain_number(word);
    if (!count || !(*count >= 0) || !std::isfinite(*count)) {
      throw InputError(fmt::format("{}: \"{}\" is no count of an expert", document,
                                   text::shortened(text::printable(word.substr(0, 60)), 40)));
    }
    counts.push_back(*count);
    if (counts.size() > 65536) throw InputError(fmt::format("{}: more than 65536 experts", document));
    at = text.find_first_not_of(separators, end);
  }
  if (counts.empty()) throw InputError(fmt::format("{}: holds no counts of experts", document));
  return counts;
}

std::uint64_t rank_of_expert(std::uint64_t expert, std::uint64_t experts, std::uint64_t ranks) {
  const std::uint64_t each = experts / ranks;
  const std::uint64_t larger = experts % ranks;  // the first ranks hold one more
  if (expert < larger * (each + 1)) return expert / (each + 1);
  return larger + (expert - larger * (each + 1)) / each;
}

PairBytes route(const Routing& routing, std::uint64_t experts, std::uint64_t experts_per_token, std::uint64_t ranks,
                std::uint64_t tokens_per_rank) {
  if (ranks == 0 || experts == 0 || experts_per_token == 0 || experts_per_token > experts) {
    throw InputError("routing needs ranks, experts, and no more experts per token than there are");
  }
  if (tokens_per_rank > most_copies / experts_per_token / ranks) {
    throw InputError(
        fmt::format("{} tokens on each of {} ranks, {} experts each: more than this plans for (2^26 copies)",
                    tokens_per_rank, ranks, experts_per_token));
  }
  if (routing.kind == Routing::Kind::histogram && routing.counts.size() != experts) {
    throw InputError(
        fmt::format("the recorded histogram is of {} experts, and the model has {}", routing.counts.size(), experts));
  }
  std::vector<std::uint64_t> weights = weights_of(routing, experts);
  const auto chosen_ever = static_cast<std::uint64_t>(
      std::count_if(weights.begin(), weights.end(), [](std::uint64_t weight) { return weight > 0; }));
  if (chosen_ever < experts_per_token) {
    throw InputError(fmt::format("the recorded histogram has tokens for {} experts, and each token takes {}",
                                 chosen_ever, experts_per_token));
  }
  const Chooser chooser(std::move(weights));
  Random random(routing.seed);
  PairBytes copies;
  copies.ranks = ranks;
  copies.bytes.assign(ranks * ranks, 0);
  std::vector<std::uint64_t> chosen;
  for (std::uint64_t rank = 0; rank < ranks; ++rank) {
    for (std::uint64_t token = 0; token < tokens_per_rank; ++token) {
      chooser.choose(random, experts_per_token, chosen);
      for (const std::uint64_t expert : chosen) ++copies.bytes[rank * ranks + rank_of_expert(expert, experts, ranks)];
    }
  }
  return copies;
}

}  // namespace rocekit::traffic
