#include "probes/settings/render.h"

namespace rocekit::settings {

std::string render(Consumer consumer, const ServingSettings& settings, const Layout& layout) {
  switch (consumer) {
    case Consumer::shell:
      return render_shell(settings, layout);
    case Consumer::podman:
    case Consumer::docker:
      return render_flags(settings, consumer, layout);
    case Consumer::compose:
      return render_compose(settings, layout);
    case Consumer::vllm:
      return render_vllm(settings, layout);
    case Consumer::k8s:
      return render_k8s(settings, layout);
    case Consumer::netplan:
      break;
  }
  return render_netplan(settings, layout);
}

}  // namespace rocekit::settings
