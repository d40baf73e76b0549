#include "collectives/host/reduction.h"

#include <algorithm>
#include <array>

#include "collectives/host/numbers.h"

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

template <class T>
void sum_of(std::byte* to_bytes, std::span<const std::byte* const> sources, std::uint64_t elements) {
  using Wide = decltype(widened(T{}));
  T* const to = reinterpret_cast<T*>(to_bytes);
  if (sources.size() == 2) {
    const T* const a = reinterpret_cast<const T*>(sources[0]);
    const T* const b = reinterpret_cast<const T*>(sources[1]);
    for (std::uint64_t i = 0; i < elements; ++i) narrow(static_cast<Wide>(widened(a[i]) + widened(b[i])), to[i]);
    return;
  }
  std::array<Wide, block> partial;
  for (std::uint64_t at = 0; at < elements; at += block) {
    const std::size_t count = std::min<std::uint64_t>(block, elements - at);
    const T* const first = reinterpret_cast<const T*>(sources[0]) + at;
    for (std::size_t i = 0; i < count; ++i) partial[i] = widened(first[i]);
    for (const std::byte* const source : sources.subspan(1)) {
      const T* const next = reinterpret_cast<const T*>(source) + at;
      for (std::size_t i = 0; i < count; ++i) partial[i] = static_cast<Wide>(partial[i] + widened(next[i]));
    }
    for (std::size_t i = 0; i < count; ++i) narrow(partial[i], to[at + i]);
  }
}

}  // namespace

void sum(std::byte* to, std::span<const std::byte* const> sources, std::uint64_t elements, traffic::DataType type) {
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

}  // namespace rocekit::collectives
