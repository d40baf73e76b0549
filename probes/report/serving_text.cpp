#include "probes/report/serving_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "probes/checks/evidence.h"
#include "probes/derived/serving_view.h"

namespace rocekit::report {

std::string memlock_in_words(const facts::Memlock& memlock) {
  return memlock.soft_bytes ? checks::show_bytes(*memlock.soft_bytes) : "unlimited";
}

std::string serving_in_words(const facts::Serving& serving) {
  std::vector<std::string> words;
  if (serving.container) {
    words.push_back(*serving.container == "none" ? "no container"
                                                 : fmt::format("in a container ({})", *serving.container));
  }
  if (serving.process.euid) {
    words.push_back(*serving.process.euid == 0 ? "root" : fmt::format("user {}", *serving.process.euid));
  }
  if (serving.user_namespace.is(true)) words.emplace_back("rootless");
  if (serving.process.memlock) words.push_back("memlock " + memlock_in_words(*serving.process.memlock));
  if (serving.same_network.is(false)) words.emplace_back("network namespace of its own");
  if (serving.nccl_libraries) {
    words.push_back(serving.nccl_libraries->empty()
                        ? std::string("NCCL not loaded")
                        : "NCCL " + serving.nccl_libraries->front().version.value_or("of unknown version"));
  }
  if (serving.open_files) {
    const auto open = std::count_if(serving.uverbs.begin(), serving.uverbs.end(),
                                    [](const facts::NodeAccess& access) { return access.open; });
    words.push_back(
        fmt::format("{} RDMA device{} open", open == 0 ? "no" : std::to_string(open), open == 1 ? "" : "s"));
  }
  return fmt::format("{}{}{}", derived::name_of(serving), words.empty() ? "" : ": ", fmt::join(words, ", "));
}

std::string nccl_in_words(const derived::NcclChoice& choice) {
  if (choice.net == "IB") return fmt::format("NCCL will use IB (RDMA) over {}", fmt::join(choice.hcas, ", "));
  if (choice.net == "Socket") {
    return choice.socket_ifnames.empty()
               ? std::string("NCCL will use TCP sockets, not RDMA")
               : fmt::format("NCCL will use TCP sockets over {}, not RDMA", fmt::join(choice.socket_ifnames, ", "));
  }
  if (choice.net == "none") return "NCCL will not start";
  if (choice.net == "unknown") return "what NCCL will use cannot be predicted";
  return fmt::format("NCCL will use {}", choice.net);
}

}  // namespace rocekit::report
