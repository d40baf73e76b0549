#include "collectives/proof/nccl_log.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "collectives/proof/cursor.h"
#include "collectives/proof/nccl_lines.h"

namespace rocekit::proof {
namespace {

constexpr std::size_t most_warnings = 32;
constexpr std::size_t most_unread = 4;

void add_once(std::vector<std::string>& list, std::string_view text, std::size_t most = most_entries) {
  std::string entry = shown(text);
  if (list.size() < most && std::find(list.begin(), list.end(), entry) == list.end()) list.push_back(std::move(entry));
}

std::string_view without_end(std::string_view text, std::string_view end) {
  if (text.size() >= end.size() && text.substr(text.size() - end.size()) == end) text.remove_suffix(end.size());
  return text;
}

std::optional<std::uint64_t> number_after(std::string_view text, std::string_view word) {
  const std::size_t at = text.find(word);
  if (at == std::string_view::npos) return std::nullopt;
  return Cursor(text.substr(at + word.size())).number<std::uint64_t>();
}

std::optional<int> small_number_after(std::string_view text, std::string_view word) {
  const std::optional<std::uint64_t> value = number_after(text, word);
  if (!value || *value > 1000000) return std::nullopt;
  return static_cast<int>(*value);
}

std::optional<std::string_view> behind(std::string_view line, std::string_view words) {
  const std::size_t at = line.find(words);
  if (at == std::string_view::npos) return std::nullopt;
  return line.substr(at + words.size());
}

/// enum ibv_mtu as NCCL prints it, or bytes.
std::optional<int> mtu_bytes_of(std::optional<int> printed) {
  if (!printed) return std::nullopt;
  if (*printed >= 1 && *printed <= 5) return 128 << *printed;
  if (*printed >= 256 && *printed <= 65536) return printed;
  return std::nullopt;
}

/// "3 (0/A64A8C0FFFF0000)": the two halves of a GID, each a number whose bytes in memory are those of the GID; NCCL
/// runs on little-endian machines alone. Empty: none.
std::string gid_address(std::string_view text) {
  Cursor cursor(text);
  if (!cursor.number<std::uint64_t>() || !cursor.take(" (")) return "";
  const auto prefix = cursor.number<std::uint64_t>(16);
  if (!prefix || !cursor.take("/")) return "";
  const auto interface = cursor.number<std::uint64_t>(16);
  if (!interface || !cursor.take(")") || (*prefix == 0 && *interface == 0)) return "";
  std::array<std::uint8_t, 16> gid{};
  for (std::size_t i = 0; i < 8; ++i) {
    gid[i] = static_cast<std::uint8_t>(*prefix >> (8 * i));
    gid[8 + i] = static_cast<std::uint8_t>(*interface >> (8 * i));
  }
  const bool mapped = *prefix == 0 && (*interface & 0xffffffffU) == 0xffff0000U;
  if (mapped) return fmt::format("{}.{}.{}.{}", gid[12], gid[13], gid[14], gid[15]);
  std::array<char, INET6_ADDRSTRLEN> shown_address{};
  return inet_ntop(AF_INET6, gid.data(), shown_address.data(), shown_address.size()) ? shown_address.data() : "";
}

class LogReader {
 public:
  TransportEvidence read(std::string_view log) {
    for (std::size_t at = 0; at < log.size();) {
      const std::size_t end = std::min(log.find('\n', at), log.size());
      read_line(without_end(log.substr(at, end - at), "\r"));
      at = end + 1;
    }
    for (const auto& [key, channel] : channels_) evidence_.channels.push_back(channel);
    for (const auto& [key, use] : queue_pairs_) evidence_.queue_pairs.push_back(use);
    for (const auto& [key, use] : algorithms_) evidence_.algorithms.push_back(use);
    return std::move(evidence_);
  }

 private:
  void read_line(std::string_view line) {
    // "host:pid:tid [device] NCCL INFO message"; a launcher may have put its own words before.
    if (const auto message = behind(line, "NCCL INFO ")) {
      ++evidence_.nccl_lines;
      line_ = line;
      Cursor cursor(*message);
      cursor.skip_blanks();
      read_message(cursor);
    } else if (const auto warning = behind(line, "NCCL WARN ")) {
      ++evidence_.nccl_lines;
      add_once(evidence_.warnings, *warning, most_warnings);
    } else if (const auto version = behind(line, "NCCL version ")) {  // the only line of NCCL_DEBUG=VERSION
      ++evidence_.nccl_lines;
      add_once(evidence_.versions, Cursor(*version).until_or_end(" "));
    }
  }

  void read_message(Cursor message) {
    const std::string_view all = message.rest();
    if (message.take("Channel ") || message.take("Ring ")) return read_channel_line(message.rest());
    if (message.take("NET/IB : Using")) {
      const std::size_t before = evidence_.ib_devices.size();
      read_ib_devices(message.rest(), evidence_.ib_devices);
      if (evidence_.ib_devices.size() > before) keep_line();
      return;
    }
    if (message.take("NET/IB : No device found")) {
      evidence_.ib_found_nothing = true;
      return keep_once(kept_no_device_);
    }
    if (message.take("NET/Socket : Using")) return read_interfaces(message.rest(), evidence_.socket_interfaces);
    if (message.take("NCCL version ")) return add_once(evidence_.versions, message.until_or_end(" "));
    if (message.take("Using network ")) return add_network(message.rest());
    if (message.take("Assigned NET plugin ")) return add_network(without_end(message.rest(), " to comm"));
    if (message.take("Failed to initialize NET plugin ")) return add_once(evidence_.failed, message.rest());
    if (message.take("Bootstrap")) return read_bootstrap(message);
    if (all.find("Made virtual device [") != std::string_view::npos) return read_virtual_device(all);
    if (all.substr(0, 6) == "NET/IB" && names_queue_pair(all)) return read_queue_pair(all);
    if (all.find(" Bytes -> Algo ") != std::string_view::npos) return read_algorithm(message);
    if (all.substr(0, 5) == "NCCL_") return read_setting(all);
  }

  void read_channel_line(std::string_view channel_text) {
    // "Channel 00/02 : 0 1" lists the ring and names no way.
    if (channel_text.find(" via ") == std::string_view::npos) return;
    const std::optional<Channel> channel = read_channel(channel_text);
    if (!channel || channels_.size() >= most_entries) {
      ++evidence_.unread_channels;
      return add_once(evidence_.unread, line_, most_unread);
    }
    const auto key = std::make_tuple(static_cast<int>(channel->use.way), channel->use.name, channel->use.device);
    const auto [entry, fresh] = channels_.emplace(key, channel->use);
    ++entry->second.count;
    if (channel->gpu_direct) ++entry->second.gpu_direct;
    if (fresh) keep_line();
  }

  void add_network(std::string_view name) {
    const std::size_t before = evidence_.networks.size();
    add_once(evidence_.networks, name);
    if (evidence_.networks.size() > before) keep_line();
  }

  /// "Bootstrap: Using eth0:192.0.2.2<0>", formerly "Bootstrap : Using [0]eth0:...".
  void read_bootstrap(Cursor cursor) {
    cursor.skip_blanks();
    if (!cursor.take(": Using ")) return;
    if (cursor.take("[")) {
      cursor.until_or_end("]");
      cursor.take("]");
    }
    if (const auto interface = cursor.until("<")) add_once(evidence_.bootstrap, *interface);
  }

  /// "NET/IB : Made virtual device [2] name=rocep1s0f0+rocep1s0f1 speed=400000 ndevs=2"
  void read_virtual_device(std::string_view message) {
    const std::optional<int> index = small_number_after(message, "Made virtual device [");
    const std::size_t at = message.find("name=");
    if (!index || at == std::string_view::npos) return;
    NetDevice device;
    device.index = *index;
    device.name = shown(Cursor(message.substr(at + 5)).until_or_end(" "));
    add_once(evidence_.virtual_devices, std::move(device));
  }

  /// Newer versions say "qp_num", and tell a queue pair's ECE in a second line, which has no MTU.
  static bool names_queue_pair(std::string_view message) {
    const bool named =
        message.find(" qpn ") != std::string_view::npos || message.find(" qp_num ") != std::string_view::npos;
    return named && message.find(" mtu ") != std::string_view::npos;
  }

  void read_queue_pair(std::string_view message) {
    QueuePairUse use;
    std::optional<int> device = small_number_after(message, "IbDev ");
    if (!device) device = small_number_after(message, "Dev ");
    const std::optional<int> port = small_number_after(message, "Port ");
    if (!device || !port) return;
    use.ib_device = *device;
    use.port = *port;
    use.mtu_bytes = mtu_bytes_of(small_number_after(message, " mtu "));
    use.gid_index = small_number_after(message, " GID ");
    if (const auto gid = behind(message, " GID ")) use.address = gid_address(*gid);
    if (queue_pairs_.size() >= most_entries) return;
    const auto key = std::make_tuple(use.ib_device, use.port, use.mtu_bytes, use.gid_index, use.address);
    const auto [entry, fresh] = queue_pairs_.emplace(key, use);
    ++entry->second.count;
    if (fresh) keep_line();
  }

  /// "AllReduce: 4096 Bytes -> Algo Ring proto LL channel{Lo..Hi}={0..1}"
  void read_algorithm(Cursor cursor) {
    AlgorithmUse use;
    const auto operation = cursor.until(":");
    if (!operation || operation->empty() || operation->size() > 40 || !cursor.take(": ")) return;
    const std::optional<std::uint64_t> bytes = cursor.number<std::uint64_t>();
    if (!bytes || !cursor.take(" Bytes -> Algo ")) return;
    use.operation = shown(*operation);
    use.size_bytes = *bytes;
    use.algorithm = shown(cursor.until_or_end(" "));
    if (!cursor.take(" proto ")) return;
    use.protocol = shown(cursor.until_or_end(" "));
    if (algorithms_.size() >= most_entries) return;
    const auto key = std::make_tuple(use.operation, use.size_bytes, use.algorithm, use.protocol);
    ++algorithms_.emplace(key, use).first->second.count;
  }

  /// "NCCL_NVLS_ENABLE set by environment to 0."
  void read_setting(std::string_view message) {
    constexpr std::string_view words = " set by environment to ";
    const std::size_t at = message.find(words);
    if (at == std::string_view::npos || evidence_.settings.size() >= most_entries) return;
    LoggedSetting setting{shown(message.substr(0, at)), shown(without_end(message.substr(at + words.size()), "."))};
    auto& list = evidence_.settings;
    if (std::find(list.begin(), list.end(), setting) == list.end()) list.push_back(std::move(setting));
  }

  void keep_line() { add_once(evidence_.lines, line_, 64); }
  void keep_once(bool& kept) {
    if (!kept) keep_line();
    kept = true;
  }

  TransportEvidence evidence_;
  std::string_view line_;
  bool kept_no_device_ = false;
  std::map<std::tuple<int, std::string, int>, ChannelUse> channels_;
  std::map<std::tuple<int, int, std::optional<int>, std::optional<int>, std::string>, QueuePairUse> queue_pairs_;
  std::map<std::tuple<std::string, std::uint64_t, std::string, std::string>, AlgorithmUse> algorithms_;
};

}  // namespace

TransportEvidence read_nccl_log(std::string_view log) { return LogReader().read(log); }

}  // namespace rocekit::proof
