#include "probes/facts/kernel/dcb.h"

#include <fmt/format.h>
#include <linux/dcbnl.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <iterator>
#include <utility>
#include <vector>

namespace rocekit::facts::kernel {
namespace {

// linux/dcbnl.h of Linux 6.3; the header of Debian 12 ends before them.
constexpr int app_trust_table_attribute = 11;  // DCB_ATTR_DCB_APP_TRUST_TABLE
constexpr int ieee_attributes_max = app_trust_table_attribute;
constexpr std::uint8_t selector_pcp = 255;  // DCB_APP_SEL_PCP

template <class Struct>
std::optional<Struct> struct_of(const nlattr* attribute) {
  if (attribute == nullptr || nla_len(attribute) < static_cast<int>(sizeof(Struct))) return std::nullopt;
  Struct value;
  std::memcpy(&value, nla_data(attribute), sizeof value);
  return value;
}

const char* trust_of(std::uint8_t selector) {
  if (selector == IEEE_8021QAZ_APP_SEL_DSCP) return "dscp";
  return selector == selector_pcp ? "pcp" : nullptr;
}

/// The first selector of the trust table (Linux 6.3); before it, drivers tell that they trust DSCP by the DSCP rows of
/// their application table. Absent rows say nothing.
Fact<std::string> trust(const Attributes<ieee_attributes_max>& ieee, const std::string& question) {
  nlattr* entry = nullptr;
  int left = 0;
  if (nlattr* const table = ieee[app_trust_table_attribute]; table != nullptr) {
    nla_for_each_nested(entry, table, left) {
      const auto selector = u8_of(entry);
      const char* const word = selector ? trust_of(*selector) : nullptr;
      if (word != nullptr) return std::string(word);
    }
  }
  if (nlattr* const table = ieee[DCB_ATTR_IEEE_APP_TABLE]; table != nullptr) {
    nla_for_each_nested(entry, table, left) {
      const auto app = struct_of<dcb_app>(entry);
      if (app && app->selector == IEEE_8021QAZ_APP_SEL_DSCP) return std::string("dscp");
    }
  }
  return Missing{Why::not_supported, question + ": the driver does not tell what it trusts"};
}

}  // namespace

Qos parse_qos(nlmsghdr& answer, const std::string& question) {
  const auto attributes = attributes_of<DCB_ATTR_MAX>(answer, sizeof(dcbmsg));
  const auto ieee = attributes_in<ieee_attributes_max>(attributes[DCB_ATTR_IEEE]);
  Qos qos;
  if (const auto pfc = struct_of<ieee_pfc>(ieee[DCB_ATTR_IEEE_PFC])) {
    std::vector<int> priorities;
    for (int priority = 0; priority < IEEE_8021Q_MAX_PRIORITIES; ++priority) {
      if ((pfc->pfc_en >> priority & 1) != 0) priorities.push_back(priority);
    }
    qos.pfc_priorities = std::move(priorities);
  } else {
    qos.pfc_priorities = Missing{Why::not_supported, question + ": the driver tells no priority flow control"};
  }
  if (const auto ets = struct_of<ieee_ets>(ieee[DCB_ATTR_IEEE_ETS])) {
    qos.ets_bandwidth_percent = std::vector<int>(std::begin(ets->tc_tx_bw), std::end(ets->tc_tx_bw));
  } else {
    qos.ets_bandwidth_percent = Missing{Why::not_supported, question + ": the driver tells no bandwidth shares"};
  }
  qos.trust = trust(ieee, question);
  return qos;
}

Fact<Qos> ask_qos(NetlinkSocket& route_socket, const std::string& netdev) {
  dcbmsg header{};
  header.dcb_family = AF_UNSPEC;
  header.cmd = DCB_CMD_IEEE_GET;
  const MessagePtr message = new_message(RTM_GETDCB, 0, header);
  nla_put_string(message.get(), DCB_ATTR_IFNAME, netdev.c_str());
  const std::string question = fmt::format("RTM_GETDCB DCB_CMD_IEEE_GET {}", netdev);
  std::optional<Qos> qos;
  const int error = route_socket.request(*message, [&](nlmsghdr& answer) { qos = parse_qos(answer, question); });
  if (error != 0) return missing_from_errno(error, question);
  if (!qos) return Missing{Why::malformed, question + ": no answer"};
  return *qos;
}

}  // namespace rocekit::facts::kernel
