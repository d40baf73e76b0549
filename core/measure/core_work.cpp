#include "core/measure/core_work.h"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace rocekit::measure {
namespace {

constexpr int runs = 3;
constexpr int rounds = 2'000;

/// Several independent chains, so that the core is limited by how much it issues, not by how long an addition takes:
/// that is what another hardware thread takes away.
void work() {
  std::uint64_t a = 1;
  std::uint64_t b = 2;
  std::uint64_t c = 3;
  std::uint64_t d = 4;
  std::uint64_t e = 5;
  std::uint64_t f = 6;
  for (int i = 0; i < rounds; ++i) {
    a = a * 3 + b;
    b ^= a >> 3U;
    c += (c << 1U) ^ d;
    d = d * 5 + 1;
    e += e >> 2U;
    f ^= f << 1U;
    a += f & 7U;
    c += e;
    d ^= a;
    // What is here must exist in registers: the compiler neither foresees nor leaves out any of it.
    asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
  }
}

}  // namespace

double core_work_ns(const Clock& clock) {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (int run = 0; run < runs; ++run) {
    const std::uint64_t begin = clock.ticks();
    work();
    least = std::min(least, clock.ticks() - begin);
  }
  return static_cast<double>(least) * clock.ns_per_tick();
}

}  // namespace rocekit::measure
