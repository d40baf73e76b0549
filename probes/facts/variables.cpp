#include "probes/facts/variables.h"

#include <algorithm>
#include <array>

namespace rocekit::facts {
namespace {

constexpr std::array<std::string_view, 19> transport_prefixes{
    "NCCL_", "TORCH_NCCL_", "GLOO_", "TP_SOCKET_", "UCX_", "VLLM_", "SGLANG_", "RAY_", "OMPI_MCA_", "PMIX_MCA_",
    "PRTE_", "NVSHMEM_",    "FI_",   "RDMAV_",     "IBV_", "MLX5_", "MLX4_",   "RXE_", "MASTER_",
};
constexpr std::array<std::string_view, 4> transport_names{"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER",
                                                          "NVIDIA_VISIBLE_DEVICES", "HOST_IP"};
constexpr std::array<std::string_view, 2> search_names{"HOME", "LD_LIBRARY_PATH"};
constexpr std::array<std::string_view, 4> secret_words{"API_KEY", "TOKEN", "SECRET", "PASSWORD"};

}  // namespace

bool is_transport_variable(std::string_view name) {
  const auto holds = [&](std::string_view word) { return name.find(word) != std::string_view::npos; };
  if (std::any_of(secret_words.begin(), secret_words.end(), holds)) return false;
  const auto starts = [&](std::string_view prefix) { return name.starts_with(prefix); };
  return std::any_of(transport_prefixes.begin(), transport_prefixes.end(), starts) ||
         std::find(transport_names.begin(), transport_names.end(), name) != transport_names.end();
}

bool is_asked_variable(std::string_view name) {
  return std::find(search_names.begin(), search_names.end(), name) != search_names.end() || is_transport_variable(name);
}

bool is_setting_of_one_node(std::string_view name) {
  constexpr std::array<std::string_view, 10> own{
      "VLLM_HOST_IP", "HOST_IP",         "MASTER_ADDR",       "NCCL_COMM_ID",        "NCCL_HOSTID",
      "NCCL_DEBUG",   "NCCL_DEBUG_FILE", "NCCL_DEBUG_SUBSYS", "NCCL_TOPO_DUMP_FILE", "NCCL_GRAPH_DUMP_FILE"};
  return std::find(own.begin(), own.end(), name) != own.end();
}

}  // namespace rocekit::facts
