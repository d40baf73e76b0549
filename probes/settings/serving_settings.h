// What a node needs to serve over RDMA: NCCL's and the serving frameworks' variables, the rights of a container, the
// MTU and addresses of the host. Pure: facts in, settings out; rendering is one file a consumer (render.h).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "probes/checks/check.h"
#include "probes/facts/node_facts.h"

namespace rocekit::settings {

/// Who reads the settings.
enum class Consumer { shell, podman, docker, compose, vllm, k8s, netplan };
inline constexpr std::array<std::string_view, 7> consumer_words{"shell", "podman", "docker", "compose",
                                                                "vllm",  "k8s",    "netplan"};
std::optional<Consumer> consumer_from_string(std::string_view word);
const char* to_string(Consumer consumer);

/// What a setting is a property of.
enum class Scope { process, container, host };

enum class Kind {
  variable,        ///< of the environment: name, value
  unset_variable,  ///< taken out of the environment: name
  memlock,         ///< limit on locked memory, value "unlimited"
  devices,         ///< value: a path whose character devices the container must have
  capability,      ///< value without CAP_: "IPC_LOCK"
  host_network,    ///< the container uses the host's network namespace
  shared_memory,   ///< size of /dev/shm in GiB: "16"
  mtu,             ///< name: a netdev
  address,         ///< name: a netdev, value: "192.168.101.10/24"
};
Scope scope_of(Kind kind);

struct Setting {
  Kind kind = Kind::variable;
  std::string name;
  std::string value;
  std::string why;        ///< one or two plain sentences
  bool proposal = false;  ///< nothing on the node says this value; it is free here, and the user decides
  friend bool operator==(const Setting&, const Setting&) = default;
};

/// What is doubtful, or left out on purpose.
struct Remark {
  std::string text;
  bool degrades = false;  ///< the node serves, but not as well or as surely as its hardware could
  friend bool operator==(const Remark&, const Remark&) = default;
};

struct ServingSettings {
  std::string host;  ///< its name, or "this node"
  std::vector<Setting> settings;
  std::vector<Remark> remarks;
  bool degraded() const;
};

/// Why no settings are given: they could not work.
struct Obstacle {
  std::string sentence;
  bool unread = false;  ///< it could not be read, rather than it is known to fail
};

/// Settings for a consumer, tried on the facts before they are given: NCCL, predicted with them, takes RDMA over
/// exactly the listed ports, with a usable GID on each.
///
/// Listed is every ACTIVE port with a RoCE v2 address (or InfiniBand), less those that are far slower than the fastest,
/// and twins that cannot carry traffic beside each other; each that is left out gets a remark. `shell` takes the node's
/// own access rights, conf files and environment into account; for containers a fresh environment is assumed.
std::variant<ServingSettings, Obstacle> serving_settings(const facts::NodeFacts& node, Consumer consumer,
                                                         const checks::Expectations& expect = {});

/// The node as a process with these settings sees it. In a container (`fresh`) nothing of the environment, the conf
/// files and the libraries of the node is left, and every RDMA device can be opened.
facts::NodeFacts with_settings(facts::NodeFacts node, const std::vector<Setting>& settings, bool fresh);

}  // namespace rocekit::settings
