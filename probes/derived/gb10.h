// The two-cage ConnectX-7 of GB10 machines (DGX Spark, PGX ThinkStation, GX10 and kin), told apart from other nodes.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "probes/facts/node_facts.h"

namespace rocekit::derived {

/// By GPU ("NVIDIA GB10"), DMI product name, or the board ID of the built-in adapter.
bool is_gb10(const facts::NodeFacts& node);

/// The adapter's four functions: two per cage, one in each PCIe domain.
inline constexpr std::array<std::string_view, 4> gb10_functions{"0000:01:00.0", "0000:01:00.1", "0002:01:00.0",
                                                                "0002:01:00.1"};

/// "cage 0 (next to the RJ45)" or "cage 1 (away from the RJ45)".
std::string gb10_cage(int function_number);

}  // namespace rocekit::derived
