// Settings of NCCL and of serving frameworks, from the environment and NCCL's conf files.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/facts/file_tree.h"
#include "probes/facts/node_facts.h"

namespace rocekit::facts::readers {

/// Whether a variable is one that NCCL, vLLM, Ray, Gloo, UCX, libibverbs or Open MPI reads to choose a network.
/// False for variables that hold a secret (VLLM_API_KEY): they are never read, shown or saved.
bool is_transport_variable(std::string_view name);

/// Whether KernelAnswers::environment keeps a variable: the transport variables; LD_LIBRARY_PATH, by which libnccl is
/// found; and HOME, under which NCCL looks for .nccl.conf. NCCL takes that directory from the password database
/// (getpwuid of the real user), so HOME in the answers is that directory where it is known.
bool is_asked_variable(std::string_view name);

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
