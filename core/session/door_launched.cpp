// Under mpirun and srun: MPI passes rank 0's addresses, port and token to the other ranks, and is not used any more.
//
// MPI runs in a child process. There it cannot leave threads, memory hooks or open devices in a process that measures,
// and where it hangs or ends its process, this one can still say so. A tool that measures MPI gives a courier instead
// (DoorContext): once a rank's MPI has ended, the launcher's PMIx server lets no process start as that rank again.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/dynlib/shared_library.h"
#include "core/dynlib/tool_module.h"
#include "core/error.h"
#include "core/session/door_rooms.h"
#include "core/session/gate.h"
#include "core/session/joiner.h"
#include "core/session/launch.h"
#include "core/session/mpi_module/table.h"
#include "core/session/reception.h"
#include "core/text/utf8.h"

namespace rocekit::session {

namespace {

constexpr const char* module_name = "librocekit_mpi.so";
/// What MPI_Bcast carries, always of this size.
constexpr std::size_t invitation_bytes = 8192;
constexpr std::size_t max_addresses = 64;

struct Invitation {
  std::string token;
  std::vector<HostPort> at;
};

std::string encode(const Invitation& invitation) {
  FieldWriter fields;
  fields.text(invitation.token).u32(static_cast<std::uint32_t>(invitation.at.size()));
  for (const HostPort& at : invitation.at) fields.text(at.host).u32(at.port);
  std::string bytes = fields.take();
  bytes.resize(invitation_bytes);
  return bytes;
}

Invitation decode(std::string_view bytes) {
  FieldReader fields(bytes);
  Invitation invitation;
  invitation.token = fields.text(64);
  const std::uint32_t count = fields.u32();
  for (std::uint32_t i = 0; i < count && i < max_addresses; ++i) {
    std::string host = fields.text(64);
    invitation.at.push_back({std::move(host), static_cast<std::uint16_t>(fields.u32())});
  }
  if (!is_token(invitation.token) || invitation.at.empty()) throw ProtocolError("sent no invitation");
  return invitation;
}

std::string find_module(const Launch& launch) {
  std::string path = dynlib::find_tool_module(module_name, "ROCEKIT_MPI_MODULE");
  if (!path.empty()) return path;
  throw InputError(
      fmt::format("{} started {} ranks, but {} is neither beside the tool nor in {}: install the package rocekit-mpi, "
                  "or use --listen and --join instead of {}",
                  launch.launcher, launch.size, module_name, dynlib::module_folder(), launch.launcher));
}

/// What the child says: a letter before each step, then 'R' and the invitation, or 'E' and a sentence.
void tell_parent(int out, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(out, bytes.data(), bytes.size());
    if (put <= 0) ::_exit(1);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

/// A broadcast of some bytes needs no RDMA, and must work where RDMA does not. The user's own choice stands.
void choose_plain_transports() {
  for (const auto& [name, value] :
       {std::pair{"OMPI_MCA_pml", "ob1"}, std::pair{"OMPI_MCA_btl", "^openib,uct,ofi,usnic,smcuda"},
        std::pair{"OMPI_MCA_osc", "^ucx"}, std::pair{"OMPI_MCA_coll", "^hcoll,ucc,cuda"},
        std::pair{"OMPI_MCA_btl_base_warn_component_unused", "0"}}) {
    ::setenv(name, value, 0);
  }
}

[[noreturn]] void talk_mpi(const std::string& module, const Launch& launch, std::string invitation, int out) {
  const auto fail = [&](const std::string& why) {
    tell_parent(out, "E" + why);
    ::_exit(1);
  };
  choose_plain_transports();
  const dynlib::SharedLibrary library(module);
  if (!library) fail(library.error());
  const auto give_table = library.function<decltype(rocekit_mpi)>(mpi_table_symbol);
  const rocekit_mpi_table* table = give_table == nullptr ? nullptr : give_table();
  if (table == nullptr || table->version != mpi_table_version)
    fail(module + " is of another version: install rocekit-mpi of this version");
  char error[1024] = {};
  int rank = 0;
  int size = 0;
  tell_parent(out, "I");
  if (table->init(&rank, &size, error, sizeof error) != 0) fail(error);
  if (rank != launch.rank || size != launch.size) {
    fail(
        fmt::format("MPI sees this as rank {} of {}, {} as rank {} of {}: start it with the mpirun of the same MPI, or "
                    "with srun --mpi=pmix",
                    rank, size, launch.launcher, launch.rank, launch.size));
  }
  tell_parent(out, "B");
  invitation.resize(invitation_bytes);
  if (table->broadcast_from_0(invitation.data(), invitation.size(), error, sizeof error) != 0) fail(error);
  tell_parent(out, "F");
  if (table->finalize(error, sizeof error) != 0) fail(error);
  tell_parent(out, "R" + invitation);
  ::_exit(0);
}

std::string hang_hint(char step) {
  switch (step) {
    case 'I':
      return "MPI_Init did not end";
    case 'B':
      return "MPI_Bcast did not end (Open MPI may have chosen a network between the nodes that does not work: try "
             "--mca btl_tcp_if_include NETDEV)";
    case 'F':
      return "MPI_Finalize did not end";
    default:
      return "the MPI module could not be loaded in time";
  }
}

SessionError launch_error(const Launch& launch, const std::string& why) {
  return SessionError(
      fmt::format("rank {} ({}): {} under {}, so the ranks cannot find each other: use --listen and --join if this "
                  "does not go away",
                  launch.rank, hello_of("", "").host, why, launch.launcher));
}

struct Delivery {
  std::mutex mutex;
  std::string bytes;
  std::string error;  ///< empty: none
  io::FileDescriptor done;
};

/// Rank 0's invitation, on all ranks, by the tool's courier.
Invitation exchange_by_courier(const Launch& launch, std::string mine, const DoorContext& context,
                               std::chrono::milliseconds wait, Signals& signals) {
  const auto delivery = std::make_shared<Delivery>();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw launch_error(launch, std::string("pipe: ") + std::strerror(errno));
  const io::FileDescriptor in(ends[0]);
  delivery->done = io::FileDescriptor(ends[1]);
  mine.resize(invitation_bytes);
  std::thread([delivery, carry = context.courier, launch, mine = std::move(mine)] {
    std::string bytes;
    std::string error;
    try {
      bytes = carry(launch.rank, launch.size, mine);
    } catch (const std::exception& failure) {
      error = failure.what();
    }
    const std::lock_guard lock(delivery->mutex);
    delivery->bytes = std::move(bytes);
    delivery->error = std::move(error);
    delivery->done.reset();
  }).detach();
  const Deadline deadline = Deadline::after(wait);
  pollfd fds[] = {{signals.fd(), POLLIN, 0}, {in.get(), POLLIN, 0}};
  do {
    if (deadline.passed()) {
      throw launch_error(launch,
                         fmt::format("MPI did not start and pass rank 0's address on within {}", time_text(wait)));
    }
    ::poll(fds, 2, deadline.left_ms());
    signals.throw_if_taken("waiting for MPI");
  } while ((fds[1].revents & (POLLIN | POLLHUP)) == 0);
  const std::lock_guard lock(delivery->mutex);
  if (!delivery->error.empty()) throw launch_error(launch, text::printable(delivery->error));
  try {
    return decode(delivery->bytes);
  } catch (const ProtocolError& broken) {
    throw launch_error(launch, fmt::format("rank 0 {}", broken.what()));
  }
}

/// Rank 0's invitation, on all ranks, by MPI in a child process.
Invitation exchange_by_mpi(const Launch& launch, const std::string& mine, Gate* gate, std::chrono::milliseconds wait,
                           Signals& signals) {
  const std::string module = find_module(launch);
  const auto error = [&](const std::string& why) { return launch_error(launch, why); };
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw error(std::string("pipe: ") + std::strerror(errno));
  const io::FileDescriptor in(ends[0]);
  io::FileDescriptor out(ends[1]);
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw error(std::string("fork: ") + std::strerror(errno));
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    if (gate != nullptr) gate->close();
    talk_mpi(module, launch, mine, out.get());
  }
  out.reset();
  Children children;
  children.add(launch.rank, pid);
  const Deadline deadline = Deadline::after(wait);
  char step = ' ';
  std::string said;
  for (;;) {
    pollfd fds[] = {{signals.fd(), POLLIN, 0}, {in.get(), POLLIN, 0}};
    ::poll(fds, 2, deadline.left_ms());
    signals.throw_if_taken("waiting for MPI");
    if ((fds[1].revents & (POLLIN | POLLHUP)) == 0) {
      if (!deadline.passed()) continue;
      throw error(fmt::format("{} within {}", hang_hint(step), time_text(wait)));
    }
    char buffer[4096];
    const ssize_t got = ::read(in.get(), buffer, sizeof buffer);
    if (got <= 0) break;
    said.append(buffer, static_cast<std::size_t>(got));
    while (!said.empty() && (said[0] == 'I' || said[0] == 'B' || said[0] == 'F')) {
      step = said[0];
      said.erase(0, 1);
    }
  }
  if (!said.empty() && said[0] == 'E') throw error(text::printable(said.substr(1)));
  if (said.empty() || said[0] != 'R') {
    const char* call = step == 'I'   ? "MPI_Init"
                       : step == 'B' ? "MPI_Bcast"
                       : step == 'F' ? "MPI_Finalize"
                                     : "loading the MPI module";
    throw error(
        fmt::format("{} failed (its process {})", call, children.end_of(launch.rank, std::chrono::milliseconds(500))));
  }
  try {
    return decode(std::string_view(said).substr(1));
  } catch (const ProtocolError& broken) {
    throw error(fmt::format("rank 0 {}", broken.what()));
  }
}

}  // namespace

Assembly enter_launched(const DoorOptions& options, const DoorContext& context, const Limits& limits,
                        std::unique_ptr<Signals> signals) {
  const Launch launch = launch_of_environment().value();
  if (launch.size > max_ranks)
    throw InputError(fmt::format("{} started {} ranks, more than {}", launch.launcher, launch.size, max_ranks));
  const Hello mine = hello_of(context.tool, context.version, launch.rank);
  const auto exchange = [&](const std::string& bytes, Gate* gate) {
    return context.courier ? exchange_by_courier(launch, bytes, context, options.wait, *signals)
                           : exchange_by_mpi(launch, bytes, gate, options.wait, *signals);
  };
  Assembly assembly;
  if (launch.rank == 0) {
    Gate gate({}, make_token(), limits);
    Invitation invitation{gate.token(), {}};
    for (const LocalAddress& address : local_addresses()) {
      if (invitation.at.size() < max_addresses) invitation.at.push_back({address.address, gate.port()});
    }
    if (invitation.at.empty()) invitation.at.push_back({"127.0.0.1", gate.port()});
    exchange(encode(invitation), &gate);
    Children none;
    Reception reception(mine, launch.size, limits, *signals, none);
    reception.run(&gate, options.wait,
                  "see that the nodes reach each other by TCP and that a firewall lets the ports through");
    assembly.peers = reception.peers();
    assembly.links = reception.take_links();
    assembly.limits = limits;
    assembly.signals = std::move(signals);
  } else {
    const Invitation invitation = exchange({}, nullptr);
    std::vector<SocketAddress> addresses;
    std::string names;
    for (const HostPort& at : invitation.at) {
      for (const SocketAddress& address : resolve(at)) addresses.push_back(address);
      names += (names.empty() ? "" : ", ") + text_of(at);
    }
    const std::string rank0 = fmt::format("rank 0 (on {})", names);
    Stream stream = knock(addresses, invitation.token, rank0, options.wait, limits, *signals);
    assembly = follow(std::move(stream), mine, rank0, limits, std::move(signals));
  }
  assembly.under_launcher = true;
  return assembly;
}

}  // namespace rocekit::session
