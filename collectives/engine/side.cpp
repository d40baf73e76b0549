#include "collectives/engine/side.h"

#include <fmt/format.h>

#include "collectives/engine/equipment.h"
#include "collectives/engine/fields.h"
#include "collectives/engine/nccl_environment.h"
#include "collectives/engine/runner.h"
#include "core/error.h"

namespace rocekit::collectives {
namespace {

class LocalSide : public Side {
 public:
  LocalSide(const SideRequest& request, Equipment equipment, std::unique_ptr<NcclEnvironment> nccl)
      : rank_(request.rank),
        world_(request.names.size()),
        names_(request.names),
        nccl_(std::move(nccl)),
        equipment_(std::move(equipment)),
        runner_(*equipment_.device, equipment_.seats, request.rank) {}

  std::string address() override {
    const auto logged = log_scope();
    if (nccl_ != nullptr) nccl_->apply_network();
    SeatAddresses addresses;
    for (const Seat& seat : equipment_.seats) {
      addresses.list.push_back({seat.groups.front(), seat.communicator->address()});
    }
    return wire::encode(addresses);
  }

  SideDetails connect(const std::vector<std::string>& addresses, const Wait& wait) override {
    if (addresses.size() != world_) {
      throw InputError(fmt::format("a side of {} ranks was given {} addresses", world_, addresses.size()));
    }
    const auto logged = log_scope();
    if (nccl_ != nullptr) nccl_->apply_network();
    for (const Seat& seat : equipment_.seats) {
      std::vector<std::string> of_group;
      for (const int member : seat.members) of_group.push_back(address_of(addresses, member, seat));
      seat.communicator->connect(of_group, wait);
    }
    return details();
  }

  void load(const std::vector<Program>& programs, const Wait&) override { runner_.load(programs); }

  BlockRecord run(const BlockRequest& block, const Wait& wait) override {
    const auto logged = log_scope();
    return runner_.run(block, wait);
  }

  std::string log() override { return nccl_ != nullptr ? nccl_->log() : std::string(); }

  void abort() noexcept override {
    for (const Seat& seat : equipment_.seats) seat.communicator->abort();
  }

 private:
  std::optional<NcclEnvironment::Scope> log_scope() {
    if (nccl_ == nullptr) return std::nullopt;
    return std::optional<NcclEnvironment::Scope>(std::in_place, *nccl_);
  }

  std::string address_of(const std::vector<std::string>& addresses, int member, const Seat& seat) const {
    for (const SeatAddress& candidate : wire::decode<SeatAddresses>(addresses[static_cast<std::size_t>(member)]).list) {
      if (candidate.group == seat.groups.front()) return candidate.address;
    }
    throw InputError(fmt::format("{} is in no {} group with rank {}", names_[static_cast<std::size_t>(member)],
                                 traffic::to_string(seat.groups.front()), rank_));
  }

  SideDetails details() const {
    SideDetails details;
    details.device = equipment_.device->description();
    if (!equipment_.seats.empty()) details.communicator = equipment_.seats.front().communicator->description();
    details.library = equipment_.library_name;
    details.library_version = equipment_.library_version;
    details.memory_cap = equipment_.device->default_memory_cap();
    details.records = equipment_.device->records();
    details.notes = equipment_.notes;
    if (nccl_ != nullptr) details.notes.insert(details.notes.end(), nccl_->notes().begin(), nccl_->notes().end());
    return details;
  }

  const int rank_;
  const std::size_t world_;
  const std::vector<std::string> names_;
  // Recordings end before communicators, communicators before the device.
  std::unique_ptr<NcclEnvironment> nccl_;
  Equipment equipment_;
  Runner runner_;
};

}  // namespace

const char* to_string(Backend backend) {
  switch (backend) {
    case Backend::nccl:
      return "nccl";
    case Backend::host:
      return "host";
    case Backend::mpi:
      return "mpi";
  }
  return "?";
}

const char* to_string(Timing timing) {
  switch (timing) {
    case Timing::isolated:
      return "isolated";
    case Timing::back_to_back:
      return "back-to-back";
    case Timing::graph:
      return "graph";
  }
  return "?";
}

std::unique_ptr<Side> make_side(const SideRequest& request, Equipment equipment) {
  return std::make_unique<LocalSide>(request, std::move(equipment), nullptr);
}

std::unique_ptr<Side> make_side(const SideRequest& request) {
  std::unique_ptr<NcclEnvironment> nccl;
  if (request.backend == Backend::nccl) nccl = std::make_unique<NcclEnvironment>(request);
  Equipment equipment = make_equipment(request);
  return std::make_unique<LocalSide>(request, std::move(equipment), std::move(nccl));
}

}  // namespace rocekit::collectives
