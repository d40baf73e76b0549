#include "core/version.h"

#include <fmt/format.h>

#include "core/io/user_files.h"
#include "probes/facts/read_node.h"
#include "tools/roce-probe/commands.h"

namespace rocekit::probe {
namespace {

std::string found(const facts::Fact<facts::Library>& library) {
  if (!library) return fmt::format("none ({})", to_string(library.missing().why));
  return fmt::format("{} ({})", library->version.value_or("version unknown"), library->path);
}

}  // namespace

ExitCode print_version() {
  facts::AskOptions ask;
  ask.gpus = false;
  ask.topology = false;
  const facts::KernelAnswers here = facts::ask_this_node(ask);
  io::write_standard_output(
      fmt::format("roce-probe {} (commit {})\n"
                  "built as {}, compiler {}, sanitizers {}, hwloc {}\n"
                  "found here: libibverbs of rdma-core {}, NCCL {}\n",
                  version, commit, ROCEKIT_BUILD_TYPE, ROCEKIT_COMPILER, ROCEKIT_SANITIZERS, ROCEKIT_HWLOC,
                  found(here.libibverbs), found(here.nccl)));
  return ExitCode::ready;
}

}  // namespace rocekit::probe
