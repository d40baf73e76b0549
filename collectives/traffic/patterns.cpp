#include "collectives/traffic/patterns.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/text/ascii.h"
#include "core/text/sizes.h"

namespace rocekit::traffic {
namespace {

struct Entry {
  Pattern pattern;
  const char* word;  ///< of the command line
  const char* title;
  OpKind kind;
};
constexpr Entry entries[] = {
    {Pattern::all_reduce, "allreduce", "all-reduce", OpKind::all_reduce},
    {Pattern::all_gather, "allgather", "all-gather", OpKind::all_gather},
    {Pattern::reduce_scatter, "reducescatter", "reduce-scatter", OpKind::reduce_scatter},
    {Pattern::all_to_all, "alltoall", "all-to-all", OpKind::all_to_all},
    {Pattern::all_to_all_v, "alltoallv", "all-to-all-v", OpKind::all_to_all_v},
    {Pattern::ping_pong, "sendrecv", "send-recv ping-pong", OpKind::send_recv},
    {Pattern::ring, "sendrecv-ring", "send-recv ring", OpKind::send_recv},
    {Pattern::bidirectional, "sendrecv-bidirectional", "send-recv bidirectional", OpKind::send_recv},
    {Pattern::broadcast, "broadcast", "broadcast", OpKind::broadcast},
};

const Entry& entry_of(Pattern pattern) {
  return *std::find_if(std::begin(entries), std::end(entries),
                       [&](const Entry& entry) { return entry.pattern == pattern; });
}

/// Of an all-to-all-v, by rank: what of each rank's data goes to it, of 1 to rank 0.
std::vector<double> weights_of(const PatternRequest& request) {
  std::vector<double> weights(request.ranks);
  for (std::size_t to = 0; to < request.ranks; ++to) {
    weights[to] = std::pow(static_cast<double>(to + 1), -request.skew);
  }
  return weights;
}

/// Each rank hands in as much as it would to an all-to-all of that size, one element at least for every rank.
PairBytes skewed_pairs(const PatternRequest& request) {
  const std::uint64_t unit = size_of(request.type);
  const std::vector<double> weights = weights_of(request);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  const std::uint64_t shared_out = request.size_bytes / unit - request.ranks;
  std::vector<std::uint64_t> row;
  double weight = 0;
  std::uint64_t given = 0;
  for (const double own : weights) {
    weight += own;
    // Rounding the running sum leaves nothing over and puts no share off by more than one element.
    const auto until =
        std::min(shared_out, static_cast<std::uint64_t>(std::ceil(static_cast<double>(shared_out) * weight / sum)));
    row.push_back((1 + until - given) * unit);
    given = until;
  }
  PairBytes pairs;
  pairs.ranks = request.ranks;
  for (std::size_t from = 0; from < request.ranks; ++from)
    pairs.bytes.insert(pairs.bytes.end(), row.begin(), row.end());
  return pairs;
}

}  // namespace

const char* to_string(Pattern pattern) { return entry_of(pattern).title; }

std::optional<Pattern> pattern_named(std::string_view given) {
  const auto plain = [](std::string_view text) {
    std::string kept;
    for (const char letter : text::lower_case(text)) {
      if (letter != '-' && letter != '_' && letter != ' ') kept += letter;
    }
    return kept;
  };
  const std::string word = plain(given);
  if (word == "pingpong" || word == "sendrecvpingpong") return Pattern::ping_pong;
  for (const Entry& entry : entries) {
    if (word == plain(entry.word)) return entry.pattern;
  }
  return std::nullopt;
}

std::vector<std::string> pattern_words() {
  std::vector<std::string> words;
  for (const Entry& entry : entries) words.emplace_back(entry.word);
  return words;
}

std::uint64_t least_bytes(const PatternRequest& request) {
  switch (entry_of(request.pattern).kind) {
    case OpKind::all_gather:
    case OpKind::reduce_scatter:
    case OpKind::all_to_all:
    case OpKind::all_to_all_v:
      return request.ranks * size_of(request.type);
    default:
      return size_of(request.type);
  }
}

Operation plan_pattern(const PatternRequest& request) {
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 40U;
  if (request.ranks < 2 || request.ranks > 1024) throw InputError("a pattern takes 2 to 1024 ranks");
  if (request.size_bytes > most_bytes) throw InputError("a pattern moves at most 1024G in one operation");
  if (!(request.skew >= 0) || request.skew > 10) throw InputError("the skew of all-to-all-v is 0 to 10");
  const Entry& entry = entry_of(request.pattern);
  const std::uint64_t unit = size_of(request.type);
  if (const std::uint64_t least = least_bytes(request); request.size_bytes < least) {
    const std::string each =
        least == unit ? "one element" : fmt::format("one element for each of {} ranks", request.ranks);
    throw InputError(fmt::format("a size of {} is too small: {} of {} moves {} or more, {}",
                                 text::exact_size(request.size_bytes), entry.title, to_string(request.type),
                                 text::exact_size(least), each));
  }
  Operation operation;
  operation.kind = entry.kind;
  operation.what = entry.title;
  operation.issued_by = "--mode " + std::string(entry.word);
  operation.ranks = request.ranks;
  // Ping-pong and bidirectional traffic is between two, however many ranks there are.
  if (request.pattern == Pattern::ping_pong || request.pattern == Pattern::bidirectional) operation.ranks = 2;
  std::uint64_t elements = request.size_bytes / unit;
  switch (request.pattern) {
    case Pattern::all_gather:  // each rank hands in one shard
      elements /= request.ranks;
      break;
    case Pattern::reduce_scatter:
    case Pattern::all_to_all:  // each rank hands in a shard for every rank
      elements = elements / request.ranks * request.ranks;
      break;
    case Pattern::all_to_all_v:
      operation.pairs = skewed_pairs(request);
      if (request.skew > 0) {
        const std::vector<double> weights = weights_of(request);
        operation.what += fmt::format(" (rank 0 is sent {:.0f} % of what each rank hands in)",
                                      100 / std::accumulate(weights.begin(), weights.end(), 0.0));
      }
      break;
    default:
      break;
  }
  operation.parts = {{"data", elements, request.type}};
  return operation;
}

}  // namespace rocekit::traffic
