// The kernel's "ethtool" generic netlink family (Linux 5.6 and later).
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "probes/facts/kernel/netlink.h"
#include "probes/facts/kernel_answers.h"

namespace rocekit::facts::kernel {

class EthtoolNetlink {
 public:
  EthtoolNetlink();

  Fact<LinkModesAnswer> link_modes(const std::string& netdev);
  Fact<LinkStateAnswer> link_state(const std::string& netdev);
  Fact<FecAnswer> fec(const std::string& netdev);
  Fact<Pause> pause(const std::string& netdev);
  /// Lower page and upper page 00h of the module, 256 bytes as hexadecimal digits. Needs CAP_NET_ADMIN.
  Fact<std::string> module_eeprom_hex(const std::string& netdev);

 private:
  struct Question {
    int command;
    const char* name;      ///< "ETHTOOL_MSG_FEC_GET", for the reason of a failure
    int header_attribute;  ///< ETHTOOL_A_FEC_HEADER
  };

  MessagePtr message(const Question& question, const std::string& netdev) const;
  /// nullopt and the answer given to `on_answer`, or why there is none.
  std::optional<Missing> ask(nl_msg& message, const Question& question, const std::string& netdev,
                             const std::function<void(nlmsghdr&)>& on_answer);
  Fact<std::string> module_page_hex(const std::string& netdev, std::uint32_t offset);

  NetlinkSocket socket_;
  Fact<int> family_;
};

/// What the family's answers hold; absent attributes leave their member empty.
LinkModesAnswer parse_link_modes(nlmsghdr& answer);
/// nullopt when the driver tells no state.
std::optional<LinkStateAnswer> parse_link_state(nlmsghdr& answer);
FecAnswer parse_fec(nlmsghdr& answer);
Pause parse_pause(nlmsghdr& answer);
std::string parse_module_page_hex(nlmsghdr& answer);

}  // namespace rocekit::facts::kernel
