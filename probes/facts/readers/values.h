// The texts of sysfs and procfs as values. Pure functions over untrusted text: nullopt is "not what this file holds".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/facts/fact.h"
#include "probes/facts/file_tree.h"

namespace rocekit::facts::readers {

/// Decimal digits only.
std::optional<std::uint64_t> parse_unsigned(std::string_view text);
/// "4: ACTIVE" -> "ACTIVE" (ports/N/state, phys_state, node_type).
std::optional<std::string> parse_numbered_word(std::string_view text);

struct Rate {
  double gbit_s = 0;
  std::string width;  ///< "4X"; empty when the text does not tell
};
/// "200 Gb/sec (4X HDR)", "2.5 Gb/sec (1X SDR)".
std::optional<Rate> parse_rate(std::string_view text);

/// "32.0 GT/s PCIe", "8 GT/s"; nullopt for "Unknown" and anything else.
std::optional<double> parse_pci_speed(std::string_view text);
/// One direction of a link after line encoding, in Gb/s: 8b/10b up to 5 GT/s, 128b/130b up to 32 GT/s (PCI Express Base
/// 5.0, 4.2), 242 of 256 bytes of a FLIT at 64 GT/s (6.0, 4.2.3: the rest is CRC and FEC).
double pci_bandwidth_gbit_s(double speed_gt_s, int width);
/// "0000:01:00.0": a domain of four or more hexadecimal digits.
bool is_pci_address(std::string_view text);

using GidBytes = std::array<std::uint8_t, 16>;
/// Eight groups of four hexadecimal digits, as sysfs prints a GID.
std::optional<GidBytes> parse_gid(std::string_view text);
bool is_zero(const GidBytes& gid);
/// "192.168.0.117" of ::ffff:192.168.0.117; nullopt for any other GID.
std::optional<std::string> mapped_ipv4(const GidBytes& gid);

/// "0-9,15" as the kernel prints a CPU list; also the empty list.
bool is_cpulist(std::string_view text);

/// kB of a line "CmaTotal:  131072 kB" of /proc/meminfo as bytes; a line without kB is a count.
std::optional<std::uint64_t> parse_meminfo(std::string_view meminfo, std::string_view name);
/// Value of NAME=VALUE in os-release, quotes removed.
std::optional<std::string> parse_os_release(std::string_view text, std::string_view name);
/// First word that looks like 580.95.05 in /proc/driver/nvidia/version.
std::optional<std::string> parse_nvidia_version(std::string_view text);
/// CapEff as hexadecimal digits -> "CAP_IPC_LOCK", ...; unknown bits as "CAP_41".
std::optional<std::vector<std::string>> parse_capabilities(std::string_view hex);

/// Shell pattern (* ? [a-z] [!a]) as glob(7) has it; no escapes.
bool glob_matches(std::string_view pattern, std::string_view text);
/// mlx5_2 before mlx5_10.
bool natural_less(std::string_view a, std::string_view b);
/// Valid UTF-8 without control characters.
bool is_printable(std::string_view text);
/// Without white space at both ends.
std::string_view trim(std::string_view text);
std::vector<std::string> split_words(std::string_view text, std::string_view separators = " \t");

/// Missing{malformed} that says what stands in the file instead.
Missing not_this(std::string_view path, std::string_view expected, const std::string& content);
/// One line of printable text; an empty file or other bytes are Why::malformed.
Fact<std::string> read_line(const FileTree& tree, const std::string& path);
/// As read_line; an empty file is Why::absent: some drivers leave an attribute empty.
Fact<std::string> read_optional_line(const FileTree& tree, const std::string& path);
/// read_integer within the range of int.
Fact<int> read_int(const FileTree& tree, const std::string& path);
/// Last component of a link's target.
Fact<std::string> read_link_name(const FileTree& tree, const std::string& path);
/// Names in a directory without those that are not printable: no kernel and no network manager makes such names.
Fact<std::vector<std::string>> list_names(const FileTree& tree, const std::string& path);

}  // namespace rocekit::facts::readers
