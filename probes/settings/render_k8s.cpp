#include <fmt/format.h>

#include <cctype>

#include "probes/settings/comment.h"

namespace rocekit::settings {
namespace {

const Setting* find(const ServingSettings& settings, Kind kind) {
  for (const Setting& setting : settings.settings) {
    if (setting.kind == kind) return &setting;
  }
  return nullptr;
}

/// The node's label kubernetes.io/hostname; empty: its name is not known.
std::string label_of(const std::string& host) {
  if (host.find(' ') != std::string::npos) return "";
  std::string label = host;
  for (char& c : label) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return label;
}

}  // namespace

std::string render_k8s(const ServingSettings& settings, const Layout& layout) {
  std::string out;
  const auto line = [&](const std::string& text) { out += text + '\n'; };
  const auto why = [&](Kind kind, int indent) {
    if (const Setting* setting = find(settings, kind)) add_why(out, *setting, layout, indent);
  };
  add_comment(
      out,
      fmt::format("What a Pod on {} needs to serve over RDMA. The Pod and its container are called vllm here; call "
                  "them as in your manifest:",
                  settings.host),
      layout);
  add_command(out, "kubectl patch --local -f pod.yaml --type strategic --patch-file rdma.yaml -o yaml", layout);
  add_remarks(out, settings, layout);
  line("apiVersion: v1\nkind: Pod\nmetadata:\n  name: vllm\nspec:");
  if (const std::string label = label_of(settings.host); !label.empty()) {
    add_comment(out, "Device names, interface and address below are those of this node.", layout, 2);
    line("  nodeSelector:\n    kubernetes.io/hostname: " + yaml_quoted(label));
  }
  why(Kind::host_network, 2);
  line("  hostNetwork: true");
  add_comment(out, "Names of services still resolve beside hostNetwork.", layout, 2);
  line("  dnsPolicy: ClusterFirstWithHostNet");
  line("  containers:\n    - name: vllm");
  line("      securityContext:");
  add_comment(
      out,
      "Opening device nodes of a hostPath takes a privileged container. With an RDMA device plugin, drop this line and "
      "the infiniband volume, and ask for the plugin's resource in its place.",
      layout, 8);
  line("        privileged: true");
  why(Kind::capability, 8);
  line("        capabilities:\n          add:");
  if (const Setting* capability = find(settings, Kind::capability)) line("            - " + capability->value);
  line("      env:");
  for (const Setting& setting : settings.settings) {
    if (setting.kind != Kind::variable) continue;
    add_why(out, setting, layout, 8);
    line(fmt::format("        - name: {}\n          value: {}", setting.name, yaml_quoted(setting.value)));
  }
  const Setting* devices = find(settings, Kind::devices);
  const Setting* memory = find(settings, Kind::shared_memory);
  line("      volumeMounts:");
  if (devices != nullptr) line("        - name: infiniband\n          mountPath: " + yaml_quoted(devices->value));
  if (memory != nullptr) line("        - name: shm\n          mountPath: /dev/shm");
  line("  volumes:");
  if (devices != nullptr) {
    add_why(out, *devices, layout, 4);
    line(fmt::format("    - name: infiniband\n      hostPath:\n        path: {}\n        type: Directory",
                     yaml_quoted(devices->value)));
  }
  if (memory != nullptr) {
    add_why(out, *memory, layout, 4);
    line(fmt::format("    - name: shm\n      emptyDir:\n        medium: Memory\n        sizeLimit: {}Gi",
                     memory->value));
  }
  return out;
}

}  // namespace rocekit::settings
