#include <fmt/format.h>

#include "probes/settings/comment.h"

namespace rocekit::settings {

std::string render_vllm(const ServingSettings& settings, const Layout& layout) {
  std::string out;
  add_comment(
      out,
      fmt::format("The environment of vLLM and Ray on {}, NAME=value for --env-file of podman and docker and for "
                  "EnvironmentFile of systemd; each node has its own. In a shell:",
                  settings.host),
      layout);
  add_command(out, "set -a; . FILE; set +a; ray start --node-ip-address=\"$VLLM_HOST_IP\" ...", layout);
  add_remarks(out, settings, layout);
  for (const Setting& setting : settings.settings) {
    if (setting.kind != Kind::variable) continue;
    add_why(out, setting, layout);
    out += fmt::format("{}={}\n", setting.name, setting.value);
  }
  return out;
}

}  // namespace rocekit::settings
