// Sums of ranks' data on the CPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "collectives/traffic/operation.h"

namespace rocekit::collectives {

/// to[i] = ((sources[0][i] + sources[1][i]) + ...): added in that order, so that whoever adds the same data gets the
/// same bits. bf16 and fp16 are added as floats and rounded once, at the end; fp32 is rounded by each addition; int32
/// and bytes (as signed ones) wrap around. Data are aligned to their elements; `to` may be one of the sources, and
/// overlaps none otherwise.
void sum(std::byte* to, std::span<const std::byte* const> sources, std::uint64_t elements, traffic::DataType type);

}  // namespace rocekit::collectives
