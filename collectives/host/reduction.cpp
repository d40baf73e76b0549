#include "collectives/host/reduction.h"

#include <algorithm>
#include <array>

#include "collectives/communicator/numbers.h"

namespace rocekit::collectives {
namespace {

/// Elements added before the next: partial sums stay in the first-level cache.
constexpr std::size_t block = 2048;

inline std::uint32_t widened(std::uint32_t number) { return number; }
inline std::uint8_t widened(std::uint8_t number) { return number; }
inline float widened(float number) { return number; }
inline float widened(Bf16 number) { return to_float(number); }
inline float widened(Fp16 number) { return to_float(number); }

inline void narrow(float sum, Bf16& to) { to = to_bf16(sum); }
inline void narrow(float sum, Fp16& to) { to = to_fp16(sum); }
template <class T>
inline void narrow(T sum, T& to) {
  to = sum;
}

// __restrict: partial sums lie in none of the sources, which compilers do not see.
template <class Wide, class T>
[[gnu::always_inline]] inline void widen(Wide* __restrict to, const T* __restrict from, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] = widened(from[i]);
}
template <class Wide, class T>
[[gnu::always_inline]] inline void add(Wide* __restrict to, const T* __restrict from, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<Wide>(to[i] + widened(from[i]));
}

template <class Wide, class T>
[[gnu::always_inline]] inline void narrow(const Wide* __restrict from, T* __restrict to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) narrow(from[i], to[i]);
}

template <class T>
[[gnu::always_inline]] inline void sum_of(std::byte* to_bytes, std::span<const std::byte* const> sources,
                                          std::uint64_t elements) {
  using Wide = decltype(widened(T{}));
  T* const to = reinterpret_cast<T*>(to_bytes);
  if (sources.size() == 2) {
    const T* const a = reinterpret_cast<const T*>(sources[0]);
    const T* const b = reinterpret_cast<const T*>(sources[1]);
    for (std::uint64_t i = 0; i < elements; ++i) narrow(static_cast<Wide>(widened(a[i]) + widened(b[i])), to[i]);
    return;
  }
  alignas(64) std::array<Wide, block> partial;
  for (std::uint64_t at = 0; at < elements; at += block) {
    const std::size_t count = std::min<std::uint64_t>(block, elements - at);
    widen(partial.data(), reinterpret_cast<const T*>(sources[0]) + at, count);
    for (std::size_t i = 1; i < sources.size(); ++i)
      add(partial.data(), reinterpret_cast<const T*>(sources[i]) + at, count);
    narrow(partial.data(), to + at, count);
  }
}

[[gnu::always_inline]] inline void sum_of_type(std::byte* to, std::span<const std::byte* const> sources,
                                               std::uint64_t elements, traffic::DataType type) {
  switch (type) {
    case traffic::DataType::bf16:
      return sum_of<Bf16>(to, sources, elements);
    case traffic::DataType::fp16:
      return sum_of<Fp16>(to, sources, elements);
    case traffic::DataType::fp32:
      return sum_of<float>(to, sources, elements);
    case traffic::DataType::int32:
      return sum_of<std::uint32_t>(to, sources, elements);
    case traffic::DataType::bytes:
      return sum_of<std::uint8_t>(to, sources, elements);
  }
}

#ifdef __x86_64__
// The same for processors with twice as wide registers, which all that carry fast adapters have; what every x86-64 has
// adds 16-bit numbers slower than the wire brings them. The results are the same: no operation is fused or reordered.
[[gnu::target("avx2")]] void sum_with_avx2(std::byte* to, std::span<const std::byte* const> sources,
                                           std::uint64_t elements, traffic::DataType type) {
  sum_of_type(to, sources, elements, type);
}
#endif

}  // namespace

void sum(std::byte* to, std::span<const std::byte* const> sources, std::uint64_t elements, traffic::DataType type) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") != 0) return sum_with_avx2(to, sources, elements, type);
#endif
  sum_of_type(to, sources, elements, type);
}

}  // namespace rocekit::collectives
