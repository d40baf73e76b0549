// Which variables of an environment are read, kept and shown.
#pragma once

#include <string_view>

namespace rocekit::facts {

/// Whether a variable is one that NCCL, vLLM, Ray, Gloo, UCX, libibverbs or Open MPI reads to choose a network.
/// False for variables that hold a secret (VLLM_API_KEY): they are never read, shown or saved.
bool is_transport_variable(std::string_view name);

/// Whether KernelAnswers::environment keeps a variable: the transport variables; LD_LIBRARY_PATH, by which libnccl is
/// found; and HOME, under which NCCL looks for .nccl.conf. NCCL takes that directory from the password database
/// (getpwuid of the real user), so HOME in the answers is that directory where it is known.
bool is_asked_variable(std::string_view name);

/// Whether a setting names the node itself or only the amount of talk, so that nodes that are alike differ in it.
bool is_setting_of_one_node(std::string_view name);

}  // namespace rocekit::facts
