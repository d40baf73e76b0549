// Noise of known kinds, the same on every machine: the standard library's distributions differ from one to another.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace rocekit::testing {

class Noise {
 public:
  explicit Noise(std::uint64_t seed) : state_(seed) {}

  /// 0 < u < 1 (Steele, Lea and Flood's SplitMix64).
  double uniform() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (static_cast<double>(z >> 11) + 0.5) / 9007199254740992.0;
  }
  bool happens(double probability) { return uniform() < probability; }
  /// Box and Muller.
  double normal() { return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * M_PI * uniform()); }
  /// Median 1.
  double log_normal(double sigma) { return std::exp(sigma * normal()); }
  /// Mean 1.
  double exponential() { return -std::log(uniform()); }

  template <class Draw>
  std::vector<double> series(std::size_t count, Draw&& draw) {
    std::vector<double> values;
    values.reserve(count);
    for (std::size_t i = 0; i < count; ++i) values.push_back(draw(*this));
    return values;
  }

 private:
  std::uint64_t state_;
};

}  // namespace rocekit::testing
