// Settings of NCCL and of serving frameworks, from the environment and NCCL's conf files.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "probes/facts/file_tree.h"
#include "probes/facts/node_facts.h"

namespace rocekit::facts::readers {

/// Whether a variable is one that NCCL, vLLM, Ray, Gloo, UCX or Open MPI reads to choose a network.
bool is_transport_variable(std::string_view name);

/// Lines "NAME=VALUE" as NCCL's setEnvFile reads them: '#' starts a comment, no quotes, no export.
std::vector<Setting> parse_nccl_conf(std::string_view text, const std::string& file);

struct NcclSettings {
  std::vector<Setting> in_force;        ///< one per name; the first source wins
  std::vector<std::string> conf_files;  ///< those that exist and were read
};
/// Environment, then NCCL_CONF_FILE or ~/.nccl.conf, then /etc/nccl.conf.
NcclSettings read_nccl_settings(const FileTree& tree, const std::map<std::string, std::string>& environment);

}  // namespace rocekit::facts::readers
