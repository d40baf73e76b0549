#include <fmt/format.h>

#include "probes/settings/comment.h"

namespace rocekit::settings {

std::string render_shell(const ServingSettings& settings, const Layout& layout) {
  std::string out;
  add_comment(out, fmt::format("What {} needs to serve over RDMA, for a POSIX shell:", settings.host), layout);
  add_command(out, "settings=$(roce-probe env --for shell --fail-on crit) && eval \"$settings\"", layout);
  add_remarks(out, settings, layout);
  for (const Setting& setting : settings.settings) {
    add_why(out, setting, layout);
    switch (setting.kind) {
      case Kind::variable:
        out += fmt::format("export {}={}\n", setting.name, shell_quoted(setting.value));
        break;
      case Kind::unset_variable:
        out += fmt::format("unset {}\n", setting.name);
        break;
      case Kind::memlock:
        out += fmt::format("ulimit -l {}\n", setting.value);
        break;
      case Kind::devices:
      case Kind::capability:
      case Kind::host_network:
      case Kind::shared_memory:
      case Kind::mtu:
      case Kind::address:
        break;
    }
  }
  return out;
}

}  // namespace rocekit::settings
