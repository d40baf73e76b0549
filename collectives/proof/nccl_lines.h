// Parts of NCCL's log lines.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/proof/transport_evidence.h"

namespace rocekit::proof {

/// A log of many ranks repeats itself; one that names more different things than this is no log of NCCL.
inline constexpr std::size_t most_entries = 4096;

/// Text of a log made printable, at most 300 columns.
std::string shown(std::string_view text);

/// Unless the list has it, or has most_entries.
void add_once(std::vector<NetDevice>& list, NetDevice device);

struct Channel {
  ChannelUse use;
  bool gpu_direct = false;
};

/// "00/0 : 0[0] -> 1[0] [send] via NET/Socket/0", what stands behind "Channel " or, before NCCL 2.7, "Ring ". Absent
/// when any part of it is not as NCCL writes it.
std::optional<Channel> read_channel(std::string_view text);

/// "[0]rocep1s0f0:1/RoCE [1]..." up to "; OOB", without what follows a device's link layer ("/SHARP").
void read_ib_devices(std::string_view list, std::vector<NetDevice>& devices);

/// "[0]eth0:192.0.2.2<0> [1]..."
void read_interfaces(std::string_view list, std::vector<NetDevice>& interfaces);

}  // namespace rocekit::proof
