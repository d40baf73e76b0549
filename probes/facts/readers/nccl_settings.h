// Settings of NCCL and of serving frameworks, from the environment and NCCL's conf files.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/facts/file_tree.h"
#include "probes/facts/node_facts.h"
#include "probes/facts/variables.h"

namespace rocekit::facts::readers {

using facts::is_asked_variable;
using facts::is_transport_variable;

/// Lines "NAME=VALUE" as NCCL's setEnvFile reads them (src/misc/param.cc, 2.28.9): a '#' in the first column starts a
/// comment, a line without '=' is skipped, blanks and quotes are kept as they stand ("export NCCL_DEBUG=INFO" sets a
/// variable of that odd name), names and values are cut at 1023 characters. In the order of the file, repeated names
/// included.
std::vector<Setting> parse_nccl_conf(std::string_view text, const std::string& file);

struct NcclSettings {
  std::vector<Setting> in_force;        ///< one per name; the first source wins
  std::vector<std::string> conf_files;  ///< those that exist and were read
};
/// Where a process finds its files.
struct ProcessPlace {
  std::string root;                   ///< of its root directory: "" for this process, "/proc/4711/root" for another
  std::optional<std::string> folder;  ///< its working directory, below that root; nullopt: unknown
};

/// Environment, then NCCL_CONF_FILE or else ~/.nccl.conf, then /etc/nccl.conf. A variable that is set and empty in the
/// environment keeps its empty value, as with setenv(..., overwrite 0).
/// Paths in the result are the process's own.
NcclSettings read_nccl_settings(const FileTree& tree, const std::map<std::string, std::string>& environment,
                                const ProcessPlace& place);
/// Of this process.
NcclSettings read_nccl_settings(const FileTree& tree, const std::map<std::string, std::string>& environment);

}  // namespace rocekit::facts::readers
