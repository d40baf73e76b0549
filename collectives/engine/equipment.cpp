#include "collectives/engine/equipment.h"

#include <fmt/format.h>

#include <algorithm>

#include "collectives/host/host_communicator.h"
#include "collectives/host/host_device.h"
#include "collectives/mpi/mpi_communicator.h"
#include "collectives/nccl/gpu_device.h"
#include "collectives/nccl/nccl_communicator.h"
#include "collectives/nccl/nccl_library.h"
#include "core/error.h"
#include "core/version.h"

namespace rocekit::collectives {
namespace {

Membership membership_of(const SideRequest& request, const Seat& seat) {
  Membership membership;
  membership.rank = seat.rank;
  for (const int member : seat.members) membership.names.push_back(request.names[static_cast<std::size_t>(member)]);
  return membership;
}

std::vector<HostPeer> peers_of(const SideRequest& request, const Seat& seat) {
  std::vector<HostPeer> peers;
  for (int i = 0; i < seat.size(); ++i) {
    const int member = seat.members[static_cast<std::size_t>(i)];
    if (i == seat.rank) continue;
    const auto link = std::find_if(request.links.begin(), request.links.end(),
                                   [&](const HostLink& candidate) { return candidate.peer == member; });
    if (link == request.links.end() || link->rails.empty()) {
      throw InputError(fmt::format("there is no link to {}", request.names[static_cast<std::size_t>(member)]));
    }
    peers.push_back({i, link->rails});
  }
  return peers;
}

}  // namespace

std::vector<Seat> seats_of(const SideRequest& request) {
  std::vector<GroupSeat> groups = request.groups;
  std::stable_sort(groups.begin(), groups.end(),
                   [](const GroupSeat& a, const GroupSeat& b) { return a.group < b.group; });
  std::vector<Seat> seats;
  for (const GroupSeat& group : groups) {
    const int world = static_cast<int>(request.names.size());
    const auto mine = std::find(group.members.begin(), group.members.end(), request.rank);
    if (mine == group.members.end() ||
        std::any_of(group.members.begin(), group.members.end(), [&](int rank) { return rank < 0 || rank >= world; })) {
      throw InputError(fmt::format("the {} group of rank {} does not fit a world of {} ranks",
                                   traffic::to_string(group.group), request.rank, world));
    }
    const auto alike =
        std::find_if(seats.begin(), seats.end(), [&](const Seat& seat) { return seat.members == group.members; });
    if (alike != seats.end()) {
      alike->groups.push_back(group.group);
      continue;
    }
    Seat& seat = seats.emplace_back();
    seat.groups = {group.group};
    seat.members = group.members;
    seat.rank = static_cast<int>(mine - group.members.begin());
  }
  return seats;
}

Equipment make_equipment(const SideRequest& request) {
  Equipment equipment;
  equipment.seats = seats_of(request);
  switch (request.backend) {
    case Backend::host: {
      equipment.device = make_host_device();
      for (Seat& seat : equipment.seats) {
        seat.communicator = make_host_communicator(*equipment.device, request.transport, membership_of(request, seat),
                                                   peers_of(request, seat));
      }
      equipment.library_name = "rocekit host collectives";
      equipment.library_version = version;
      break;
    }
    case Backend::nccl: {
      auto library = std::make_shared<const NcclLibrary>(NcclLibrary::load(request.nccl_library));
      equipment.device = make_gpu_device(request.gpu);
      auto& gpu = dynamic_cast<GpuDevice&>(*equipment.device);
      if (library->functions().mem_alloc != nullptr && library->functions().mem_free != nullptr) {
        gpu.allocate_with(
            [library](std::size_t size) {
              void* data = nullptr;
              return library->functions().mem_alloc(&data, size) == nccl::success ? data : nullptr;
            },
            [library](void* data) { library->functions().mem_free(data); });
      }
      for (Seat& seat : equipment.seats) {
        seat.communicator = make_nccl_communicator(*equipment.device, *library, membership_of(request, seat),
                                                   NcclOptions{request.net_name});
      }
      equipment.library_name = library->description();
      equipment.library_version = library->version();
      equipment.notes = library->notes();
      for (std::string& note : gpu.notes()) equipment.notes.push_back(std::move(note));
      equipment.library = std::move(library);
      break;
    }
    case Backend::mpi: {
      const MpiVersion mpi = mpi_version();
      equipment.device = make_host_device();
      for (Seat& seat : equipment.seats) {
        seat.communicator = make_mpi_communicator(*equipment.device, membership_of(request, seat), seat.members);
      }
      equipment.library_name = mpi.name;
      equipment.library_version = mpi.version;
      break;
    }
  }
  return equipment;
}

}  // namespace rocekit::collectives
