// Settings of NCCL and serving frameworks: their values as NCCL reads them, and how to change them where they are set.
#pragma once

#include <string>
#include <vector>

#include "probes/checks/evidence.h"

namespace rocekit::checks {

/// {"NCCL_IB_HCA", "rocep1s0f0", "environment"}
Evidence evidence_of(const facts::Setting& setting);

/// The setting comes from a file of NCCL's and not from the environment.
bool from_conf_file(const facts::Setting& setting);

/// "sudo COMMAND" unless root: for what this process sees, in a container the container's own files.
std::string as_root_here(const facts::NodeFacts& node, const std::string& command);

/// Commands that take a setting away where it is set: the environment of this shell or container, or a line of a file.
std::vector<std::string> remove_setting(const facts::NodeFacts& node, const facts::Setting& setting);
/// Commands that set `name` to `value` where it is set today, or in the environment when it is not set.
std::vector<std::string> change_setting(const facts::NodeFacts& node, const std::string& name,
                                        const std::string& value);

}  // namespace rocekit::checks
