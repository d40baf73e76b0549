// Which libnccl a serving process started here would use.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace rocekit::dynlib {

/// The libnccl.so.2 that PyTorch and vLLM would use here: VLLM_NCCL_SO_PATH, else the nvidia-nccl package beside the
/// PyTorch of the active Python (VIRTUAL_ENV, CONDA_PREFIX, the python3 of PATH), else what the loader finds, else an
/// nvidia-nccl package where Python environments usually stand. Nothing is loaded or run; only files of this process's
/// architecture count in what the loader finds. nullopt: none; with VLLM_NCCL_SO_PATH set, that it leads nowhere.
/// `environment` stands over this process's variables.
std::optional<std::string> find_nccl(const std::map<std::string, std::string>& environment = {});

}  // namespace rocekit::dynlib
