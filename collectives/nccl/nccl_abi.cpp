#include "collectives/nccl/nccl_abi.h"

namespace rocekit::collectives::nccl {

Config config_for(int version, const char* net_name) {
  Config config{};
  const bool names_network = version >= first_with_net_name;
  // 2.14 to 2.16 know the fields up to `blocking`.
  config.size = names_network ? sizeof(Config) : 24;
  config.magic = config_magic;
  // Fields that came later than the stated version are taken as unset, whatever lies there.
  config.version = static_cast<unsigned>(names_network ? first_with_net_name : oldest_version);
  // A communicator that does not block starts a thread for each operation (ncclGroupEndInternal).
  config.blocking = 1;
  config.cga_cluster_size = undefined;
  config.min_ctas = undefined;
  config.max_ctas = undefined;
  config.net_name = names_network ? net_name : nullptr;
  return config;
}

}  // namespace rocekit::collectives::nccl
