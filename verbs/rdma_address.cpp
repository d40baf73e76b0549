#include "verbs/rdma_address.h"

#include <cstddef>

#include "verbs/error.h"

namespace rocekit::verbs {
namespace {

constexpr std::uint32_t magic = 0x526b5231;  // "RkR1"
constexpr std::size_t max_pairs = 4096;

/// Fields in order, little end first.
class Writer {
 public:
  template <class Integer>
  void operator()(const Integer& value) {
    for (std::size_t i = 0; i < sizeof value; ++i)
      bytes_ += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xff);
  }
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}
  template <class Integer>
  void operator()(Integer& value) {
    if (bytes_.size() - at_ < sizeof value) {
      short_ = true;
      return;
    }
    std::uint64_t read = 0;
    for (std::size_t i = 0; i < sizeof value; ++i)
      read |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes_[at_ + i])) << (8 * i);
    value = static_cast<Integer>(read);
    at_ += sizeof value;
  }
  bool complete() const { return !short_ && at_ == bytes_.size(); }
  bool is_short() const { return short_; }

 private:
  const std::string& bytes_;
  std::size_t at_ = 0;
  bool short_ = false;
};

template <class Visitor, class Address>
void visit_fixed(Visitor& visit, Address& address, std::uint32_t& mtu, std::uint8_t& ethernet) {
  visit(ethernet);
  visit(address.lid);
  for (auto& byte : address.gid) visit(byte);
  visit(mtu);
  visit(address.reads_in);
  visit(address.max_size);
  visit(address.slots);
  visit(address.q_key);
  for (auto* region : {&address.control, &address.outbound, &address.inbound}) {
    visit(region->address);
    visit(region->key);
  }
}

}  // namespace

std::string encode(const RdmaAddress& address) {
  Writer write;
  write(magic);
  auto mtu = static_cast<std::uint32_t>(address.active_mtu);
  std::uint8_t ethernet = address.ethernet ? 1 : 0;
  visit_fixed(write, address, mtu, ethernet);
  write(static_cast<std::uint32_t>(address.pairs.size()));
  for (const RdmaAddress::Pair& pair : address.pairs) {
    write(pair.number);
    write(pair.packet_sequence);
  }
  return write.bytes_;
}

RdmaAddress decode_rdma_address(const std::string& bytes, const std::string& peer) {
  Reader read(bytes);
  RdmaAddress address;
  std::uint32_t found = 0;
  std::uint32_t mtu = 0;
  std::uint8_t ethernet = 0;
  std::uint32_t count = 0;
  read(found);
  visit_fixed(read, address, mtu, ethernet);
  read(count);
  if (found == magic && !read.is_short() && count <= max_pairs && mtu >= IBV_MTU_256 && mtu <= IBV_MTU_4096) {
    address.ethernet = ethernet != 0;
    address.active_mtu = static_cast<ibv_mtu>(mtu);
    address.pairs.resize(count);
    for (RdmaAddress::Pair& pair : address.pairs) {
      read(pair.number);
      read(pair.packet_sequence);
    }
    if (read.complete()) return address;
  }
  throw TransportError({"reading the peer's address", {}, peer, {}}, 0, "these bytes are no address of this version");
}

}  // namespace rocekit::verbs
