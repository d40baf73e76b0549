// NCCL logs: any text is read without a crash, and no text whose channels cannot be read is taken as proof.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "collectives/proof/nccl_log.h"

namespace {

using namespace rocekit;

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_printable(const std::string& text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) return false;
  }
  return true;
}

void check(const proof::TransportEvidence& evidence) {
  const proof::LogVerdict verdict = proof::judge(evidence);
  require(!verdict.sentence.empty() && is_printable(verdict.sentence));
  if (evidence.unknown_format() || evidence.channels.empty()) {
    require(verdict.carrier == proof::LogVerdict::Carrier::unknown);
  }
  for (const proof::ChannelUse& channel : evidence.channels) {
    require(channel.count > 0 && channel.gpu_direct <= channel.count && is_printable(channel.name));
  }
  for (const auto* list : {&evidence.warnings, &evidence.lines, &evidence.versions, &evidence.networks}) {
    for (const std::string& text : *list) require(is_printable(text));
  }
  for (const proof::NetDevice& device : evidence.ib_devices) require(device.port >= 1 && !device.name.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(proof::read_nccl_log(text));
  // Behind a good channel, a bad one must still spoil the proof.
  check(proof::read_nccl_log(
      "h:1:1 [0] NCCL INFO Channel 00/0 : 0[0] -> 1[0] [send] via NET/IB/0\nh:1:1 [0] NCCL INFO " + std::string(text)));
  return 0;
}
