#include "tools/nccl-pattern/judge/crossing.h"

#include <algorithm>
#include <set>

namespace rocekit::pattern {
namespace {

using collectives::Call;
using collectives::SendRecvForm;
using traffic::OpKind;

/// Members of a group by their place.
class Spread {
 public:
  Spread(const std::vector<int>& members, const std::vector<int>& places) {
    for (const int rank : members) at_.push_back(places[static_cast<std::size_t>(rank)]);
  }
  std::size_t size() const { return at_.size(); }
  bool apart(std::size_t a, std::size_t b) const { return at_[a] != at_[b]; }
  std::uint64_t places() const { return std::set<int>(at_.begin(), at_.end()).size(); }
  /// Members that are not where this one is.
  std::uint64_t elsewhere(std::size_t member) const {
    return static_cast<std::uint64_t>(std::count_if(at_.begin(), at_.end(), [&](int p) { return p != at_[member]; }));
  }
  /// The first member of its place.
  bool leads(std::size_t member) const {
    return std::find(at_.begin(), at_.end(), at_[member]) == at_.begin() + static_cast<std::ptrdiff_t>(member);
  }

 private:
  std::vector<int> at_;
};

std::uint64_t send_recv_bytes(const Call& call, const Spread& spread) {
  const std::uint64_t bytes = call.elements * traffic::size_of(call.type);
  if (call.form == SendRecvForm::ring) {
    std::uint64_t sum = 0;
    for (std::size_t rank = 0; rank < spread.size(); ++rank) {
      if (spread.apart(rank, (rank + 1) % spread.size())) sum += bytes;
    }
    return sum;
  }
  if (!spread.apart(static_cast<std::size_t>(call.from), static_cast<std::size_t>(call.to))) return 0;
  return call.form == SendRecvForm::one_way ? bytes : 2 * bytes;
}

std::uint64_t bytes_of(const Call& call, const Spread& spread) {
  const std::uint64_t bytes = call.elements * traffic::size_of(call.type);
  const std::uint64_t ranks = spread.size();
  std::uint64_t sum = 0;
  switch (call.kind) {
    case OpKind::all_reduce:
      return spread.places() > 1 ? spread.places() * bytes : 0;
    case OpKind::broadcast:
      return (spread.places() - 1) * bytes;
    case OpKind::send_recv:
      return send_recv_bytes(call, spread);
    case OpKind::all_gather:
      for (std::size_t rank = 0; rank < ranks; ++rank) {
        if (spread.leads(rank)) sum += spread.elsewhere(rank) * bytes;
      }
      return sum;
    case OpKind::reduce_scatter:
      return spread.places() > 1 ? bytes / ranks * ranks : 0;
    case OpKind::all_to_all:
      for (std::size_t rank = 0; rank < ranks; ++rank) sum += spread.elsewhere(rank) * (bytes / ranks);
      return sum;
    case OpKind::all_to_all_v:
      for (std::size_t from = 0; from < ranks; ++from) {
        for (std::size_t to = 0; to < ranks; ++to) {
          if (spread.apart(from, to)) sum += call.pairs.at(from, to);
        }
      }
      return sum;
  }
  return 0;
}

bool takes_part(const collectives::Action& action, const std::vector<int>& members) {
  return action.ranks.empty() || std::any_of(members.begin(), members.end(), [&](int rank) {
           return std::find(action.ranks.begin(), action.ranks.end(), rank) != action.ranks.end();
         });
}

}  // namespace

void Crossing::add(const Crossing& other, std::uint64_t times) {
  bytes += other.bytes * times;
  packets += other.packets * times;
}

Crossing crossing_of(const collectives::Program& program, const std::vector<Groups>& groups,
                     const std::vector<int>& places, int mtu) {
  Crossing crossing;
  for (const collectives::Action& action : program.actions) {
    for (const Groups& kind : groups) {
      if (kind.group != action.group) continue;
      for (const std::vector<int>& members : kind.members) {
        if (!takes_part(action, members)) continue;
        const Spread spread(members, places);
        for (const Call& call : action.launch) {
          const std::uint64_t bytes = bytes_of(call, spread);
          if (bytes == 0) continue;
          crossing.bytes += bytes;
          crossing.packets += std::max<std::uint64_t>(1, mtu > 0 ? bytes / static_cast<std::uint64_t>(mtu) : 1);
        }
      }
    }
  }
  return crossing;
}

}  // namespace rocekit::pattern
