#include "tools/nccl-pattern/run/setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/error.h"
#include "core/measure/affinity.h"
#include "core/wire/wire.h"
#include "tools/nccl-pattern/run/fields.h"
#include "tools/roce-pingpong/run/place.h"

namespace rocekit::pattern {
namespace {

using collectives::Backend;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds node_timeout{45'000};     ///< reading a node and asking its GPU driver
constexpr milliseconds connect_timeout{60'000};  ///< NCCL starts a communicator in seconds, many ranks in more
constexpr milliseconds load_timeout{30'000};

class Builder {
 public:
  Builder(session::Session& session, const RunOptions& options, Setup& setup, Report& report)
      : session_(session), options_(options), setup_(setup), report_(report) {}

  void build() {
    share_request();
    share_nodes();
    make_sides();
    if (setup_.sides.empty()) {
      // Nothing is measured, and the report says why.
      setup_.subjects.clear();
      return;
    }
    open_counters();
    for (LiveSide& side : setup_.sides) connect(side);
    load();
  }

 private:
  bool leads() const { return session_.rank() == 0; }
  std::size_t me() const { return static_cast<std::size_t>(session_.rank()); }
  Wait wait(milliseconds time) const { return {Deadline::after(time), &session_.called_off()}; }

  void share_request() {
    const Settings& own = options_.plan.options.settings;
    std::string mine;
    if (leads()) {
      wire::Writer writer;
      writer(own, traffic_of(options_.plan));
      mine = writer.take();
    }
    const std::string told = session_.broadcast(mine, 0, "telling what to measure");
    wire::Reader reader(told);
    reader(setup_.settings, setup_.traffic);
    setup_.settings.nccl_library = own.nccl_library;
    setup_.subjects = subjects_of(setup_.traffic, session_.size(), setup_.settings.compute_us);
    setup_.groups = groups_of(setup_.traffic, session_.size());
    report_.plan = options_.plan;
    report_.required = setup_.settings.required;
  }

  void share_nodes() {
    pingpong::Node node = pingpong::read_this_node();
    node.host = session_.peers()[me()].host;
    GpuFacts gpus;
    const BackendChoice backend = setup_.settings.backend;
    if (backend == BackendChoice::automatic || backend == BackendChoice::nccl) {
      gpus = probe_gpus(setup_.settings.nccl_library);
    }
    wire::Writer writer;
    writer(node, gpus, setup_.settings.nccl_library);
    std::vector<GpuFacts> facts;
    std::vector<std::string> libraries;
    for (const std::string& message : session_.allgather(writer.take(), "reading the nodes", node_timeout)) {
      wire::Reader reader(message);
      reader(setup_.nodes.emplace_back(), facts.emplace_back(), libraries.emplace_back());
    }
    const std::vector<int> taken = gpus_of(setup_.nodes, facts);
    for (std::size_t rank = 0; rank < facts.size(); ++rank) {
      setup_.views.push_back({session_.name_of(static_cast<int>(rank)), setup_.nodes[rank].machine, facts[rank],
                              taken[rank], libraries[rank]});
    }
  }

  void make_sides() {
    const RdmaWish wish = rdma_wish(setup_.settings);
    std::string choice;
    if (leads()) {
      setup_.ways = find_ways(setup_.nodes, setup_.groups, std::nullopt, wish);
      choice = wire::encode(choose_sides(setup_.settings, setup_.views, setup_.ways));
    }
    const auto chosen =
        wire::decode<SideChoice>(session_.broadcast(choice, 0, "choosing what to compare", node_timeout));
    if (!leads()) setup_.ways = find_ways(setup_.nodes, setup_.groups, session_.rank(), wish);
    report_.notes = chosen.notes;
    if (leads() && !report_.plan.steps.empty() && report_.plan.options.model.empty()) {
      report_.notes.insert(report_.notes.begin(),
                           fmt::format("no --model was given: {} stands for yours", report_.plan.model.name));
    }
    report_.function_only = chosen.function_only;
    setup_.plans = chosen.sides;
    const int cpu = cpu_of_this_rank();
    // Children are forked before this process knows CUDA or NCCL.
    for (const SidePlan& plan : setup_.plans) {
      LiveSide& side = setup_.sides.emplace_back();
      side.plan = plan;
      // NCCL's own threads would inherit it.
      side.cpu = plan.backend == Backend::nccl ? -1 : cpu;
      if (plan.child) side.side = collectives::make_child_side(request(plan));
    }
    for (LiveSide& side : setup_.sides) {
      if (side.side == nullptr) side.side = collectives::make_side(request(side.plan));
    }
  }

  collectives::SideRequest request(const SidePlan& plan) const {
    return request_of(plan, setup_.settings, setup_.views, session_.rank(), setup_.groups, setup_.ways);
  }

  /// -1: there are fewer CPUs than ranks.
  int cpu_of_this_rank() const {
    std::size_t before = 0;
    std::size_t on_machine = 0;
    for (std::size_t rank = 0; rank < setup_.nodes.size(); ++rank) {
      if (setup_.nodes[rank].machine != setup_.nodes[me()].machine) continue;
      ++on_machine;
      if (rank < me()) ++before;
    }
    const std::vector<int> allowed = pingpong::usable_cpus(on_machine, options_.may_widen_affinity);
    std::vector<int> near;
    for (const auto& [pair, pairing] : setup_.ways.pairs) {
      if (pairing.paths.empty()) continue;
      if (pair.first == session_.rank()) near = pairing.paths.front().cpus_a;
      if (pair.second == session_.rank()) near = pairing.paths.front().cpus_b;
    }
    return allowed.size() < on_machine ? -1 : measure::choose_cpu(allowed, near, before);
  }

  /// One rank of each machine reads the devices' counters, one of each network stack those of the netdevs.
  void open_counters() {
    const pingpong::Node& mine = setup_.nodes[me()];
    bool first_of_machine = true;
    bool first_of_network = true;
    for (std::size_t rank = 0; rank < me(); ++rank) {
      const pingpong::Node& other = setup_.nodes[rank];
      if (other.machine != mine.machine) continue;
      first_of_machine = false;
      if (other.network == mine.network) first_of_network = false;
    }
    pingpong::Counters& counters = setup_.counters;
    if (first_of_machine) {
      for (const pingpong::RdmaPort& port : mine.ports) counters.add_port(port.device, port.port);
    }
    if (first_of_network) {
      counters.add_netdev("lo");
      for (const pingpong::RdmaPort& port : mine.ports) counters.add_netdev(port.netdev);
      for (const pingpong::NodeAddress& address : mine.addresses) counters.add_netdev(address.netdev);
    }
  }

  /// One side after the other: NCCL writes one log.
  void connect(LiveSide& live) {
    const std::string step = "connecting " + live.plan.name;
    if (leads() && options_.progress) options_.progress(0, step);
    const auto began = steady_clock::now();
    const auto addresses = session_.allgather(live.side->address(), step, connect_timeout);
    const collectives::SideDetails details = live.side->connect(addresses, wait(connect_timeout));
    const auto told = session_.allgather(wire::encode(details), step, connect_timeout + session::talk_timeout);
    SideResult& side = report_.sides.emplace_back();
    side.name = live.plan.name;
    side.transport = live.plan.transport;
    side.backend = live.plan.backend;
    side.floor = live.plan.floor;
    side.connect_ms = std::chrono::duration<double, std::milli>(steady_clock::now() - began).count();
    for (const collectives::Setting& setting : request(live.plan).settings) {
      side.environment.push_back(setting.value ? fmt::format("{}={}", setting.name, *setting.value)
                                               : fmt::format("{} unset", setting.name));
    }
    add_details(told, side);
  }

  void add_details(const std::vector<std::string>& told, SideResult& side) {
    bool records = true;
    for (std::size_t rank = 0; rank < told.size(); ++rank) {
      const auto details = wire::decode<collectives::SideDetails>(told[rank]);
      side.devices.push_back(details.device);
      cap_ = std::min(cap_, details.memory_cap);
      records = records && details.records;
      if (rank == 0) side.details = details;
      if (details.library_version != side.details.library_version) {
        throw InputError(fmt::format("{} has {}, and {} has {}: all ranks need the same library", setup_.views[0].name,
                                     side.details.library, setup_.views[rank].name, details.library));
      }
      for (const std::string& note : details.notes) {
        auto& notes = side.details.notes;
        if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
      }
    }
    setup_.records.push_back(records);
  }

  void load() {
    const std::string note =
        leave_out_what_does_not_fit(setup_.subjects, setup_.traffic, setup_.settings.max_memory.value_or(cap_));
    if (!note.empty()) report_.notes.push_back(note);
    const std::vector<int> places = places_of_ranks();
    std::vector<collectives::Program> programs;
    for (const Measured& measured : setup_.subjects) {
      programs.push_back(measured.program);
      setup_.crossings.push_back(crossing_of(measured.program, setup_.groups, places, largest_mtu()));
      report_.subjects.push_back(measured.subject);
    }
    for (LiveSide& side : setup_.sides) {
      side.side->load(programs, wait(load_timeout));
      session_.barrier("preparing " + side.plan.name, load_timeout + session::talk_timeout);
    }
  }

  /// Machines; on one machine each rank is a place of its own, as what they send passes lo.
  std::vector<int> places_of_ranks() const {
    const bool one_machine = on_one_machine(setup_.nodes);
    std::vector<std::string> machines;
    std::vector<int> places;
    for (std::size_t rank = 0; rank < setup_.nodes.size(); ++rank) {
      const auto known = std::find(machines.begin(), machines.end(), setup_.nodes[rank].machine);
      places.push_back(static_cast<int>(one_machine ? rank : static_cast<std::size_t>(known - machines.begin())));
      if (known == machines.end()) machines.push_back(setup_.nodes[rank].machine);
    }
    return places;
  }

  int largest_mtu() const {
    int mtu = 0;
    for (const pingpong::Node& node : setup_.nodes) {
      for (const pingpong::RdmaPort& port : node.ports) mtu = std::max(mtu, port.active_mtu);
    }
    return mtu;
  }

  session::Session& session_;
  const RunOptions& options_;
  Setup& setup_;
  Report& report_;
  std::uint64_t cap_ = UINT64_MAX;
};

}  // namespace

void set_up(session::Session& session, const RunOptions& options, Setup& setup, Report& report) {
  Builder(session, options, setup, report).build();
}

}  // namespace rocekit::pattern
