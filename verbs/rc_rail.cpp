#include "verbs/rc_rail.h"

#include <stdexcept>

namespace rocekit::verbs {

RcRail::RcRail(const EndpointOptions& options, int completions)
    : device_(options.device, options.port),
      gid_(choose_gid(device_.gids(), {device_.name(), device_.is_ethernet(), device_.port_attributes().gid_tbl_len,
                                       options.ip, options.gid_index})),
      domain_(device_),
      queue_(device_, completions, nullptr) {}

void RcRail::attach(const std::vector<const Buffer*>& memory) {
  attached_.clear();
  std::uint64_t before = 0;
  for (const Buffer* const buffer : memory) {
    attached_.emplace_back(domain_, *buffer, access(), before);
    before += buffer->size();
  }
}

const MemoryRegion& RcRail::region_of(const std::byte* data, std::size_t size) const {
  for (const Attached& attached : attached_) {
    const auto offset = reinterpret_cast<std::uintptr_t>(data) - reinterpret_cast<std::uintptr_t>(attached.data);
    if (offset < attached.size && size <= attached.size - offset) return attached.region;
  }
  throw std::logic_error("a message lies outside the memory that was attached to its channel");
}

}  // namespace rocekit::verbs
