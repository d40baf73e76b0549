// Message sizes as people write them: 64, 4K, 1M, and lists and ranges of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rocekit::text {

/// Bytes of "8", "4K", "64KiB", "1M", "2G", "1.5M": K, M and G are powers of 1024, as nccl-tests and perftest have
/// them; case does not matter. Throws InputError with one sentence: no number, an unknown unit, a fraction of a byte,
/// more than 2^62.
std::uint64_t parse_size(std::string_view word);

/// "8,4K,64K", "2:8M" (both ends and every doubling between them), "1K:1G:4" (every fourfold), and lists that mix both.
/// In the order given, each size once. Throws InputError: what parse_size refuses, an empty list, a range that runs
/// downwards or starts at 0, a factor outside 2 to 1024, more than 1000 sizes.
std::vector<std::uint64_t> parse_sizes(std::string_view list);

/// The shortest exact way to write it: 4096 -> "4 KiB", 1048576 -> "1 MiB", 4100 -> "4100 B", 1.5 MiB -> "1536 KiB".
std::string exact_size(std::uint64_t bytes);

/// About three digits: 151936 -> "148 KiB", 5760 -> "5.62 KiB", 900 -> "900 B".
std::string rounded_size(double bytes);

}  // namespace rocekit::text
