// Which GPUs and which NCCL this rank has, found out in a process of its own: this one may still fork afterwards, and
// what a driver or library does on being loaded stays there.
#pragma once

#include <string>
#include <vector>

namespace rocekit::pattern {

struct Gpu {
  std::string name;    ///< "NVIDIA H200"
  std::string bus_id;  ///< "0000:19:00.0": the same for all processes of a host
};

struct GpuFacts {
  std::vector<Gpu> gpus;  ///< by CUDA ordinal, as CUDA_VISIBLE_DEVICES leaves them
  std::string no_gpu;     ///< why there is none; empty: there is
  std::string nccl_path;
  std::string nccl_version;  ///< "2.28.9"
  std::string no_nccl;       ///< why there is none
};

/// `nccl_library`: --nccl-lib, or empty. Never throws; ends within half a minute.
GpuFacts probe_gpus(const std::string& nccl_library);

/// Tries to load a libnccl, as probe_gpus() does. Empty: it can be loaded; else a sentence.
std::string why_not_loadable(const std::string& nccl_library);

}  // namespace rocekit::pattern
