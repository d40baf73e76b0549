// 16-bit floating point numbers and floats: exact one way, rounded to nearest even the other. Without branches, so that
// loops over them become vector code on machines that have no instruction for it.
#pragma once

#include <bit>
#include <cstdint>

namespace rocekit::collectives {

/// Upper half of a float.
struct Bf16 {
  std::uint16_t bits = 0;
};
/// IEEE 754 binary16.
struct Fp16 {
  std::uint16_t bits = 0;
};

inline std::uint32_t all_ones_if(bool condition) { return 0U - static_cast<std::uint32_t>(condition); }
/// Compilers make a branch of ?: where one side is a floating point operation.
inline std::uint32_t chosen(bool condition, std::uint32_t yes, std::uint32_t no) {
  return no ^ ((yes ^ no) & all_ones_if(condition));
}

inline float to_float(Bf16 number) { return std::bit_cast<float>(static_cast<std::uint32_t>(number.bits) << 16); }

inline float to_float(Fp16 number) {
  const std::uint32_t sign = (number.bits & 0x8000U) << 16;
  const std::uint32_t magnitude = number.bits & 0x7fffU;
  // With the exponent read as a float's the value is 2^112 too small, subnormal numbers included.
  const float scaled = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  const std::uint32_t not_finite = magnitude >= 0x7c00U ? 0x7f800000U : 0U;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(scaled) | not_finite | sign);
}

inline Bf16 to_bf16(float number) {
  const auto bits = std::bit_cast<std::uint32_t>(number);
  const std::uint32_t rounded = (bits + 0x7fffU + (bits >> 16 & 1U)) >> 16;
  const std::uint32_t quiet = bits >> 16 | 0x40U;  // rounding could make an infinity of a NaN
  return {static_cast<std::uint16_t>((bits & 0x7fffffffU) > 0x7f800000U ? quiet : rounded)};
}

inline Fp16 to_fp16(float number) {
  const auto all = std::bit_cast<std::uint32_t>(number);
  const std::uint32_t sign = all >> 16 & 0x8000U;
  const std::uint32_t bits = all & 0x7fffffffU;
  // Normal: the exponent loses 112; what rounding carries out of the mantissa goes where it should.
  const std::uint32_t normal = (bits - (112U << 23) + 0xfffU + (bits >> 13 & 1U)) >> 13;
  // Below 2^-14: an addition rounds to multiples of 2^-24, the unit in the last place of 0.5.
  const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(std::bit_cast<float>(bits) + 0.5f) - 0x3f000000U;
  const std::uint32_t not_finite = 0x7c00U | (0x0200U & all_ones_if(bits > 0x7f800000U));
  const std::uint32_t finite = chosen(bits < 113U << 23, subnormal, normal);
  const std::uint32_t result = chosen(bits >= 0x477ff000U, not_finite, finite);  // 65520 and above round to infinity
  return {static_cast<std::uint16_t>(sign | result)};
}

}  // namespace rocekit::collectives
