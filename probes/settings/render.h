// Settings as their consumers read them. One file a format; every value stands below a comment that says why.
#pragma once

#include <string>

#include "probes/settings/serving_settings.h"

namespace rocekit::settings {

/// How a consumer is written for.
struct Layout {
  bool comments = true;
};

/// POSIX shell: `export NAME='value'`, to be sourced.
std::string render_shell(const ServingSettings& settings, const Layout& layout = {});
/// One argument of `podman run` or `docker run` a line, `--name=value`.
std::string render_flags(const ServingSettings& settings, Consumer consumer, const Layout& layout = {});
/// A file that overrides a service of compose.yaml (Compose specification).
std::string render_compose(const ServingSettings& settings, const Layout& layout = {});
/// NAME=value lines: podman's and docker's --env-file, systemd's EnvironmentFile, `set -a; . FILE`.
std::string render_vllm(const ServingSettings& settings, const Layout& layout = {});
/// A patch of a Pod (strategic merge).
std::string render_k8s(const ServingSettings& settings, const Layout& layout = {});
/// A file for /etc/netplan.
std::string render_netplan(const ServingSettings& settings, const Layout& layout = {});

std::string render(Consumer consumer, const ServingSettings& settings, const Layout& layout = {});

}  // namespace rocekit::settings
