// Structs filled through describe(): every field with a value of its own, or every fact with a reason.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "probes/facts/field_kind.h"
#include "probes/facts/kernel_answers.h"
#include "probes/facts/node_facts.h"

namespace rocekit::facts::fill {

/// Puts a different value into each field; texts hold what JSON must escape.
class Filler {
 public:
  explicit Filler(bool facts_missing) : facts_missing_(facts_missing) {}

  template <class T>
  void fill(T& value) {
    ++count_;
    if constexpr (std::is_same_v<T, std::string>) {
      value = "text \"" + std::to_string(count_) + "\" \\ \n\t\x01 \xC3\xA9 \xF0\x9F\x94\x8C";
    } else if constexpr (std::is_same_v<T, bool>) {
      value = count_ % 2 == 0;
    } else if constexpr (std::is_same_v<T, std::uint64_t>) {
      value = UINT64_MAX - static_cast<std::uint64_t>(count_);
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(std::is_signed_v<T> && count_ % 2 == 0 ? -count_ : count_);
    } else if constexpr (std::is_floating_point_v<T>) {
      value = count_ / 3.0;
    } else if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(count_ % 6);
    } else if constexpr (IsFact<T>::value) {
      if (facts_missing_) {
        value = Missing{static_cast<Why>(count_ % 6), count_ % 3 == 0 ? "" : "why " + std::to_string(count_)};
      } else {
        typename T::value_type inner{};
        fill(inner);
        value = inner;
      }
    } else if constexpr (IsOptional<T>::value) {
      fill(value.emplace());
    } else if constexpr (IsVector<T>::value) {
      value.resize(2);
      for (auto& item : value) fill(item);
    } else if constexpr (IsMap<T>::value) {
      for (int i = 0; i < 2; ++i) fill(value["key " + std::to_string(++count_)]);
    } else {
      describe(value, [&](const char*, auto& field) { fill(field); });
    }
  }

  int count() const { return count_; }

 private:
  bool facts_missing_;
  int count_ = 0;
};

template <class T>
T all_values() {
  T value;
  Filler(false).fill(value);
  return value;
}

template <class T>
T all_missing() {
  T value;
  Filler(true).fill(value);
  return value;
}

}  // namespace rocekit::facts::fill
