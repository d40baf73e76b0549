// The steps of NCCL's choice, each as one function; predict_nccl joins them. Sources are files of NCCL 2.28.9.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/derived/nccl_choice.h"
#include "probes/facts/node_facts.h"

namespace rocekit::derived::nccl {

/// A number as ncclLoadParam reads it (src/misc/param.cc): strtoll with base 0. Unset, empty and out of range give
/// `fallback`; text that starts with no number gives 0 ("true" is 0, "auto" is 0).
std::int64_t integer_setting(const facts::NodeFacts& node, std::string_view name, std::int64_t fallback);

/// "NCCL_IB_HCA=mlx5_0 (environment)".
std::string describe_setting(const facts::Setting& setting);

/// Which interfaces carry bootstrap, out-of-band and NET/Socket (src/misc/socket.cc, src/bootstrap.cc).
struct SocketChoice {
  std::vector<std::string> names;      ///< in NCCL's order, at most 16
  std::string why;                     ///< the rule that chose them
  bool unread = false;                 ///< the interfaces' addresses were not read: nothing can be said
  std::optional<std::string> failure;  ///< why no communicator starts, interfaces or not
};
SocketChoice choose_sockets(const facts::NodeFacts& node);

/// Which ports NET/IB takes (ncclIbInitDevices of src/transport/net_ib.cc), once libibverbs is there.
struct HcaChoice {
  struct Taken {
    const facts::Device* device;
    const facts::Port* port;
  };
  std::vector<Taken> taken;
  std::vector<Rejected> rejected;
  bool unread = false;  ///< access to a taken device was not tried and is assumed
};
HcaChoice choose_hcas(const facts::NodeFacts& node);

/// ncclIbGetGidIndex of src/transport/net_ib.cc.
GidChoice choose_gid(const facts::NodeFacts& node, const facts::Port& port);

}  // namespace rocekit::derived::nccl
