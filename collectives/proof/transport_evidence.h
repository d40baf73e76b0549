// What NCCL's own log says of the transport that it used.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rocekit::proof {

/// "NET/IB : Using [0]rocep1s0f0:1/RoCE": devices that NCCL found usable.
struct NetDevice {
  int index = 0;
  std::string name;        ///< "rocep1s0f0", "eth0"
  int port = 0;            ///< 0: an interface of NET/Socket
  std::string link_layer;  ///< "RoCE", "IB"; empty for interfaces
  std::string address;     ///< of interfaces
  friend bool operator==(const NetDevice&, const NetDevice&) = default;
};

/// Channels of one kind: "Channel 00/0 : 0[0] -> 1[0] [send] via NET/IB/0/GDRDMA".
struct ChannelUse {
  enum class Way { net, p2p, shm, collnet };
  Way way = Way::net;
  std::string name;         ///< of the network: "IB", "Socket", a plugin's; of the way within a node: "CUMEM", "direct"
  int device = -1;          ///< index of the network's device
  std::uint64_t count = 0;  ///< lines, both directions
  std::uint64_t gpu_direct = 0;  ///< of them with GPUDirect RDMA
  friend bool operator==(const ChannelUse&, const ChannelUse&) = default;
};
const char* to_string(ChannelUse::Way way);  ///< "NET", "P2P", "SHM", "COLLNET"

/// "NET/IB: NCCL Dev 0 IbDev 0 Port 1 qpn 356 mtu 5 GID 3 (...)", equal ones counted.
struct QueuePairUse {
  int ib_device = 0;
  int port = 0;
  std::optional<int> mtu_bytes;
  std::optional<int> gid_index;  ///< absent on InfiniBand
  std::string address;           ///< of the GID: "192.168.100.10", "fe80::1"; empty: not told
  std::uint64_t count = 0;
  friend bool operator==(const QueuePairUse&, const QueuePairUse&) = default;
};

/// A device that was connected, and how: by queue pairs on all ranks, or by NET/Socket's interfaces.
struct Connection {
  std::string device;                  ///< "rocep1s0f0:1", "eth0"
  std::string link_layer;              ///< "RoCE", "IB"; empty: an interface, or not told
  std::optional<int> gid_index;        ///< absent on InfiniBand
  std::vector<std::string> addresses;  ///< of its GIDs, or of the interface, on all ranks
  std::optional<int> mtu_bytes;
  std::uint64_t queue_pairs = 0;
  friend bool operator==(const Connection&, const Connection&) = default;
};

/// "AllReduce: 4096 Bytes -> Algo Ring proto LL channel{Lo..Hi}={0..1}", equal ones counted.
struct AlgorithmUse {
  std::string operation;  ///< NCCL's word: "AllReduce"
  std::uint64_t size_bytes = 0;
  std::string algorithm;
  std::string protocol;
  std::uint64_t count = 0;
  friend bool operator==(const AlgorithmUse&, const AlgorithmUse&) = default;
};

struct LoggedSetting {
  std::string name;
  std::string value;
  friend bool operator==(const LoggedSetting&, const LoggedSetting&) = default;
};

struct TransportEvidence {
  std::uint64_t nccl_lines = 0;  ///< lines that NCCL wrote
  /// Lines about channels whose way could not be read: NCCL says something that this tool does not understand.
  std::uint64_t unread_channels = 0;
  std::vector<std::string> unread;    ///< the first few of them
  std::vector<std::string> versions;  ///< "2.28.9+cuda13.0"; several: ranks differ
  std::vector<std::string> networks;  ///< chosen ones ("Using network X", "Assigned NET plugin X to comm")
  std::vector<std::string> failed;    ///< plugins that did not initialise
  std::vector<NetDevice> ib_devices;
  std::vector<NetDevice> socket_interfaces;
  std::vector<NetDevice> virtual_devices;  ///< several ports as one ("Made virtual device")
  bool ib_found_nothing = false;           ///< "NET/IB : No device found."
  std::vector<std::string> bootstrap;      ///< interfaces: "eth0:192.0.2.2"
  std::vector<ChannelUse> channels;
  std::vector<QueuePairUse> queue_pairs;
  std::vector<AlgorithmUse> algorithms;
  std::vector<LoggedSetting> settings;  ///< "NCCL_X set by environment to Y"
  std::vector<std::string> warnings;    ///< text of NCCL WARN lines, each once, the first 32
  std::vector<std::string> lines;       ///< the lines that the verdict rests on, one a kind

  /// No line of NCCL, or one about a channel that could not be read: nothing is proven by such a log.
  bool unknown_format() const { return nccl_lines == 0 || unread_channels > 0; }
  /// "rocep1s0f0:1", "eth0": devices that channels went over, by the lists above; "device 3" when those do not tell.
  std::vector<std::string> devices_used() const;
  /// Queue pairs by device, GID index and MTU, and the interfaces of NET/Socket that channels went over.
  std::vector<Connection> connections() const;
};

/// What carried the data between ranks, by channels alone: what NCCL chose and did not connect proves nothing.
struct LogVerdict {
  enum class Carrier {
    unknown,  ///< no channel in the log, or a format that is not understood, or lines that contradict each other
    rdma,     ///< NET/IB, or NVIDIA's RDMA plugins (IBext, "NCCL RDMA Plugin")
    socket,
    plugin,  ///< another network plugin
    p2p,     ///< between GPUs of a node: NVLink or PCIe
    shm,     ///< host memory within a node
    mixed,   ///< several networks
  };
  Carrier carrier = Carrier::unknown;
  bool gpu_direct = false;  ///< on every channel of the network
  std::string sentence;     ///< why, with counts and devices
};
const char* to_string(LogVerdict::Carrier carrier);  ///< "rdma", "socket", ...

LogVerdict judge(const TransportEvidence& evidence);

}  // namespace rocekit::proof
