#include <fmt/format.h>

#include "probes/settings/comment.h"

namespace rocekit::settings {

std::string render_compose(const ServingSettings& settings, const Layout& layout) {
  constexpr int indent = 4;
  std::string out;
  add_comment(
      out,
      fmt::format("What {} needs to serve over RDMA, as rdma.yaml beside compose.yaml. The service is called vllm "
                  "here; call it as in compose.yaml:",
                  settings.host),
      layout);
  add_command(out, "docker compose -f compose.yaml -f rdma.yaml up", layout);
  add_remarks(out, settings, layout);
  out += "services:\n  vllm:\n";
  const auto key = [&](const Setting& setting, const std::string& lines) {
    add_why(out, setting, layout, indent);
    out += lines;
  };
  for (const Setting& setting : settings.settings) {
    switch (setting.kind) {
      case Kind::devices:
        key(setting, fmt::format("    devices:\n      - {}\n", yaml_quoted(setting.value + ":" + setting.value)));
        break;
      case Kind::memlock:
        key(setting, "    ulimits:\n      memlock:\n        soft: -1\n        hard: -1\n");
        break;
      case Kind::capability:
        key(setting, fmt::format("    cap_add:\n      - {}\n", setting.value));
        break;
      case Kind::host_network:
        key(setting, "    network_mode: host\n");
        break;
      case Kind::shared_memory:
        key(setting, fmt::format("    shm_size: {}gb\n", setting.value));
        break;
      case Kind::variable:
      case Kind::unset_variable:
      case Kind::mtu:
      case Kind::address:
        break;
    }
  }
  out += "    environment:\n";
  for (const Setting& setting : settings.settings) {
    if (setting.kind != Kind::variable) continue;
    add_why(out, setting, layout, indent + 2);
    out += fmt::format("      {}: {}\n", setting.name, yaml_quoted(setting.value));
  }
  return out;
}

}  // namespace rocekit::settings
