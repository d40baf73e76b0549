#include <fmt/format.h>

#include "probes/settings/comment.h"

namespace rocekit::settings {

std::string render_vllm(const ServingSettings& settings, const Layout& layout) {
  std::string out;
  add_comment(
      out,
      fmt::format("The environment of vLLM and Ray on {}, for podman's and docker's --env-file, systemd's "
                  "EnvironmentFile, or: set -a; . FILE. Ray: ray start --node-ip-address=\"$VLLM_HOST_IP\". Its own "
                  "file for each node.",
                  settings.host),
      layout);
  add_remarks(out, settings, layout);
  for (const Setting& setting : settings.settings) {
    if (setting.kind != Kind::variable) continue;
    add_why(out, setting, layout);
    out += fmt::format("{}={}\n", setting.name, setting.value);
  }
  return out;
}

}  // namespace rocekit::settings
