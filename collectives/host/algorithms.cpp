#include "collectives/host/algorithms.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "collectives/host/reduction.h"

namespace rocekit::collectives {
namespace {

using traffic::OpKind;

/// Up to so many bytes sent by a rank, all that each other rank needs goes to it at once, in one step. Above, a ring
/// (all-reduce) or a chain (broadcast) sends each byte over fewer links in more steps. A step costs some 3 us, in which
/// 200 Gbit/s carry 75 KB: by that alone an all-reduce's two ways are even when a rank of 3, 4 or 8 sends 670, 750 or
/// 1300 KB; networks of 25 and 100 Gbit/s come to an eighth and half of it. With 2 ranks, which send the same either
/// way, the ring spares half of the additions, which take longer than the wire from some 100 KB on.
constexpr std::uint64_t one_step_bytes = 256u << 10;
/// Long data pass in slices, so that one is added or handed on while the next is under way.
constexpr std::uint64_t slice_bytes = 256u << 10;
/// Slices that are asked for ahead of the one that is added or handed on.
constexpr std::uint64_t window = 8;
/// A reduce-scatter adds slices of all others at once: shorter ones where these are many.
constexpr std::uint64_t scatter_window = 4;
constexpr std::uint64_t scatter_bytes = 8u << 20;
constexpr std::uint64_t least_scatter_slice = 16u << 10;
constexpr std::size_t alignment = 256;

std::size_t aligned(std::size_t size) { return (size + alignment - 1) / alignment * alignment; }
std::uint64_t slices_of(std::uint64_t bytes, std::uint64_t slice) {
  return std::max<std::uint64_t>(1, (bytes + slice - 1) / slice);
}
std::uint64_t scatter_slice(int ranks) {
  const auto others = static_cast<std::uint64_t>(ranks - 1);
  return std::clamp(scatter_bytes / (scatter_window * others), least_scatter_slice, slice_bytes) / alignment *
         alignment;
}

/// Elements of something that was divided.
struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t size() const { return end - begin; }
  /// The `index`-th of `count` parts, as even as can be.
  Range part(std::uint64_t index, std::uint64_t count) const {
    // Without overflow: 2^64 elements have no memory, but parts may be many.
    const auto cut = [&](std::uint64_t at) { return begin + size() / count * at + size() % count * at / count; };
    return {cut(index), cut(index + 1)};
  }
};

class Performance {
 public:
  Performance(const Call& call, const Seat& seat) : call_(call), seat_(seat), size_(traffic::size_of(call.type)) {}

  void all_reduce() {
    const std::uint64_t bytes = call_.elements * size_;
    if (bytes * others() <= one_step_bytes) {
      all_reduce_in_one_step(bytes);
    } else {
      all_reduce_in_a_ring();
    }
  }

  void reduce_scatter() {
    const std::uint64_t share = call_.elements / count();
    const std::uint64_t slice_limit = scatter_slice(seat_.ranks);
    const std::uint64_t slices = slices_of(share * size_, slice_limit - size_);
    const auto place = [&](std::uint64_t slice, std::uint64_t other) {
      return seat_.scratch + (slice % scatter_window * others() + other) * slice_limit;
    };
    std::vector<Links::Ticket> tickets(scatter_window * others());
    const auto post = [&](std::uint64_t slice) {
      const std::size_t bytes = bytes_of(Range{0, share}.part(slice, slices));
      for (std::uint64_t i = 0; i < others(); ++i)
        tickets[slice % scatter_window * others() + i] = seat_.links.receive(other(i), place(slice, i), bytes);
    };
    for (std::uint64_t slice = 0; slice < std::min(slices, scatter_window); ++slice) post(slice);
    for (std::uint64_t slice = 0; slice < slices; ++slice) {
      for (std::uint64_t i = 0; i < others(); ++i) {
        const auto to = static_cast<std::uint64_t>(other(i));
        const Range range = Range{to * share, (to + 1) * share}.part(slice, slices);
        seat_.links.send(other(i), seat_.in + range.begin * size_, bytes_of(range));
      }
    }
    std::vector<const std::byte*> sources(count());
    for (std::uint64_t slice = 0; slice < slices; ++slice) {
      const Range range = Range{0, share}.part(slice, slices);
      sources[own()] = seat_.in + (own() * share + range.begin) * size_;
      for (std::uint64_t i = 0; i < others(); ++i) {
        sources[static_cast<std::size_t>(other(i))] = place(slice, i);
        seat_.links.await(tickets[slice % scatter_window * others() + i], seat_.wait);
      }
      sum(seat_.out + range.begin * size_, sources, range.size(), call_.type);
      if (slice + scatter_window < slices) post(slice + scatter_window);
    }
    seat_.links.await_all(seat_.wait);
  }

  void all_gather() {
    const std::size_t bytes = call_.elements * size_;
    for (std::uint64_t i = 0; i < others(); ++i)
      seat_.links.receive(other(i), seat_.out + static_cast<std::size_t>(other(i)) * bytes, bytes);
    for (std::uint64_t i = 0; i < others(); ++i) seat_.links.send(other(i), seat_.in, bytes);
    std::memcpy(seat_.out + own() * bytes, seat_.in, bytes);
    seat_.links.await_all(seat_.wait);
  }

  void all_to_all() {
    const std::size_t bytes = call_.elements / count() * size_;
    exchange([&](int) { return bytes; }, [&](int) { return bytes; });
  }

  void all_to_all_v() {
    exchange([&](int to) { return call_.pairs.at(own(), static_cast<std::size_t>(to)); },
             [&](int from) { return call_.pairs.at(static_cast<std::size_t>(from), own()); });
  }

  void send_recv() {
    const std::size_t bytes = call_.elements * size_;
    Links& links = seat_.links;
    const bool from = seat_.rank == call_.from;
    const bool to = seat_.rank == call_.to;
    switch (call_.form) {
      case SendRecvForm::one_way:
        if (from) links.send(call_.to, seat_.in, bytes);
        if (to) links.receive(call_.from, seat_.out, bytes);
        break;
      case SendRecvForm::ping_pong:
        if (from) {
          links.receive(call_.to, seat_.out, bytes);
          links.send(call_.to, seat_.in, bytes);
        } else if (to) {
          links.await(links.receive(call_.from, seat_.out, bytes), seat_.wait);
          links.send(call_.from, seat_.out, bytes);
        }
        break;
      case SendRecvForm::ring:
        links.receive(other(others() - 1), seat_.out, bytes);
        links.send(other(0), seat_.in, bytes);
        break;
      case SendRecvForm::bidirectional:
        if (from || to) {
          const int peer = from ? call_.to : call_.from;
          links.receive(peer, seat_.out, bytes);
          links.send(peer, seat_.in, bytes);
        }
        break;
    }
    links.await_all(seat_.wait);
  }

  void broadcast() {
    const std::size_t bytes = call_.elements * size_;
    const bool root = seat_.rank == call_.from;
    if (bytes * others() > one_step_bytes && seat_.ranks > 2) {
      broadcast_in_a_chain(bytes);
    } else if (root) {
      for (std::uint64_t i = 0; i < others(); ++i) seat_.links.send(other(i), seat_.in, bytes);
    } else {
      seat_.links.receive(call_.from, seat_.out, bytes);
    }
    if (root) std::memcpy(seat_.out, seat_.in, bytes);
    seat_.links.await_all(seat_.wait);
  }

 private:
  std::uint64_t count() const { return static_cast<std::uint64_t>(seat_.ranks); }
  std::uint64_t others() const { return count() - 1; }
  std::size_t own() const { return static_cast<std::size_t>(seat_.rank); }
  /// The others in the order in which this rank turns to them: the next one first, so that not all turn to the same.
  int other(std::uint64_t index) const { return static_cast<int>((own() + 1 + index) % count()); }
  std::size_t bytes_of(const Range& range) const { return range.size() * size_; }

  void all_reduce_in_one_step(std::size_t bytes) {
    std::vector<const std::byte*> sources(count());
    sources[own()] = seat_.in;
    for (std::uint64_t i = 0; i < others(); ++i) {
      std::byte* const place = seat_.scratch + i * aligned(bytes);
      sources[static_cast<std::size_t>(other(i))] = place;
      seat_.links.receive(other(i), place, bytes);
    }
    for (std::uint64_t i = 0; i < others(); ++i) seat_.links.send(other(i), seat_.in, bytes);
    seat_.links.await_all(seat_.wait);
    sum(seat_.out, sources, call_.elements, call_.type);
  }

  /// Reduce-scatter and all-gather around the ring as one sequence of slices: each is sent on as soon as it has come
  /// and, in the first half, been added to. What comes in one step is what leaves in the next.
  void all_reduce_in_a_ring() {
    const std::uint64_t slices = slices_of((call_.elements / count() + 1) * size_, slice_bytes - size_);
    const std::uint64_t steps = 2 * others();
    const int next = other(0);
    const int before = other(others() - 1);
    std::array<Links::Ticket, window> tickets;
    const auto slice_at = [&](std::uint64_t item) {
      // The chunk that comes in step s: rank - 2 - s while adding, which ends with the own one; rank - 1 - s after it.
      const std::uint64_t step = item / slices;
      const std::uint64_t back = step < others() ? 2 + step : 1 + step - others();
      return Range{0, call_.elements}.part((own() + 2 * count() - back) % count(), count()).part(item % slices, slices);
    };
    const auto adds = [&](std::uint64_t item) { return item / slices < others(); };
    const auto scratch_of = [&](std::uint64_t item) { return seat_.scratch + item % window * aligned(slice_bytes); };
    const auto post = [&](std::uint64_t item) {
      const Range range = slice_at(item);
      std::byte* const to = adds(item) ? scratch_of(item) : seat_.out + range.begin * size_;
      tickets[item % window] = seat_.links.receive(before, to, bytes_of(range));
    };
    const std::uint64_t items = steps * slices;
    for (std::uint64_t item = 0; item < std::min(items, window); ++item) post(item);
    for (std::uint64_t slice = 0; slice < slices; ++slice) {
      const Range range = Range{0, call_.elements}.part((own() + others()) % count(), count()).part(slice, slices);
      seat_.links.send(next, seat_.in + range.begin * size_, bytes_of(range));
    }
    for (std::uint64_t item = 0; item < items; ++item) {
      seat_.links.await(tickets[item % window], seat_.wait);
      const Range range = slice_at(item);
      std::byte* const out = seat_.out + range.begin * size_;
      if (adds(item)) {
        const std::array<const std::byte*, 2> sources{scratch_of(item), seat_.in + range.begin * size_};
        sum(out, sources, range.size(), call_.type);
      }
      if (item + slices < items) seat_.links.send(next, out, bytes_of(range));
      if (item + window < items) post(item + window);
    }
    seat_.links.await_all(seat_.wait);
  }

  void broadcast_in_a_chain(std::size_t bytes) {
    const std::uint64_t place = (own() + count() - static_cast<std::uint64_t>(call_.from)) % count();
    const std::uint64_t slices = slices_of(bytes, slice_bytes);
    const bool hands_on = place + 1 < count();
    const auto slice_at = [&](std::uint64_t slice) { return Range{0, bytes}.part(slice, slices); };
    if (place == 0) {
      for (std::uint64_t slice = 0; slice < slices; ++slice)
        seat_.links.send(other(0), seat_.in + slice_at(slice).begin, slice_at(slice).size());
      return;
    }
    std::array<Links::Ticket, window> tickets;
    const auto post = [&](std::uint64_t slice) {
      const Range range = slice_at(slice);
      tickets[slice % window] = seat_.links.receive(other(others() - 1), seat_.out + range.begin, range.size());
    };
    for (std::uint64_t slice = 0; slice < std::min(slices, window); ++slice) post(slice);
    for (std::uint64_t slice = 0; slice < slices; ++slice) {
      seat_.links.await(tickets[slice % window], seat_.wait);
      const Range range = slice_at(slice);
      if (hands_on) seat_.links.send(other(0), seat_.out + range.begin, range.size());
      if (slice + window < slices) post(slice + window);
    }
  }

  /// Packed by rank on both sides.
  template <class Sent, class Received>
  void exchange(Sent&& sent, Received&& received) {
    std::vector<std::size_t> from_offset(count() + 1);
    std::vector<std::size_t> to_offset(count() + 1);
    for (int rank = 0; rank < seat_.ranks; ++rank) {
      const auto i = static_cast<std::size_t>(rank);
      to_offset[i + 1] = to_offset[i] + sent(rank);
      from_offset[i + 1] = from_offset[i] + received(rank);
    }
    for (std::uint64_t i = 0; i < others(); ++i) {
      const int from = other(others() - 1 - i);
      seat_.links.receive(from, seat_.out + from_offset[static_cast<std::size_t>(from)], received(from));
    }
    for (std::uint64_t i = 0; i < others(); ++i)
      seat_.links.send(other(i), seat_.in + to_offset[static_cast<std::size_t>(other(i))], sent(other(i)));
    std::memcpy(seat_.out + from_offset[own()], seat_.in + to_offset[own()], sent(seat_.rank));
    seat_.links.await_all(seat_.wait);
  }

  const Call& call_;
  const Seat& seat_;
  std::size_t size_;
};

}  // namespace

std::size_t scratch_bytes(int ranks) {
  const auto others = static_cast<std::size_t>(ranks - 1);
  return std::max({one_step_bytes + others * alignment, window * aligned(slice_bytes),
                   scatter_window * others * scatter_slice(ranks)});
}

void perform(const Call& call, const Seat& seat) {
  Performance performance(call, seat);
  switch (call.kind) {
    case OpKind::all_reduce:
      return performance.all_reduce();
    case OpKind::reduce_scatter:
      return performance.reduce_scatter();
    case OpKind::all_gather:
      return performance.all_gather();
    case OpKind::all_to_all:
      return performance.all_to_all();
    case OpKind::all_to_all_v:
      return performance.all_to_all_v();
    case OpKind::send_recv:
      return performance.send_recv();
    case OpKind::broadcast:
      return performance.broadcast();
  }
}

}  // namespace rocekit::collectives
