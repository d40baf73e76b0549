#include <fmt/format.h>

#include "probes/settings/comment.h"

namespace rocekit::settings {
namespace {

/// podman and docker spell these alike.
std::string flag_of(const Setting& setting) {
  switch (setting.kind) {
    case Kind::variable:
      return fmt::format("--env={}={}", setting.name, setting.value);
    case Kind::memlock:
      return "--ulimit=memlock=-1:-1";
    case Kind::devices:
      return fmt::format("--device={}", setting.value);
    case Kind::capability:
      return fmt::format("--cap-add={}", setting.value);
    case Kind::host_network:
      return "--network=host";
    case Kind::shared_memory:
      return fmt::format("--shm-size={}g", setting.value);
    case Kind::unset_variable:
    case Kind::mtu:
    case Kind::address:
      break;
  }
  return "";
}

}  // namespace

std::string render_flags(const ServingSettings& settings, Consumer consumer, const Layout& layout) {
  std::string out;
  const char* const command = to_string(consumer);
  add_comment(out,
              fmt::format("What {} needs to serve over RDMA, one argument of {} run a line:", settings.host, command),
              layout);
  add_command(out,
              fmt::format("flags=$(roce-probe env --for {0} --no-comments --fail-on crit) && {0} run $flags ... IMAGE",
                          command),
              layout);
  add_remarks(out, settings, layout);
  for (const Setting& setting : settings.settings) {
    const std::string flag = flag_of(setting);
    if (flag.empty()) continue;
    add_why(out, setting, layout);
    out += flag + '\n';
  }
  return out;
}

}  // namespace rocekit::settings
