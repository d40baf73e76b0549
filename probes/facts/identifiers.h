// Identifying texts of a machine and their masked stand-ins (the rules stand in snapshot.h).
//
// Used in two passes: collect() sees every text once, then mask() replaces. So a stand-in depends on the machine alone,
// not on the order in which its texts are seen.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace rocekit::facts {

/// Dotted numbers are addresses in configuration and answers, but may be versions in sysfs.
enum class DottedNumbers { are_addresses, are_versions };

class Identifiers {
 public:
  void collect(std::string_view text, DottedNumbers dotted);
  void add_hostname(std::string_view hostname);
  void add_home(std::string_view home);
  void add_serial(std::string_view serial);
  /// `prefix_length` bits of it are the network's.
  void add_subnet(std::string_view ipv4, int prefix_length);
  /// Names that stay although a host may be called the same: of drivers, netdevs, devices.
  void keep_word(std::string_view word);
  /// Ends collecting.
  void assign();

  std::string mask(std::string_view text, DottedNumbers dotted) const;
  std::string mask_serial(std::string_view serial) const;
  std::string mask_hostname(std::string_view hostname) const;

 private:
  using Mac = std::array<std::uint8_t, 6>;
  using Guid = std::array<std::uint8_t, 8>;
  struct Subnet {
    std::uint32_t network = 0;
    int prefix_length = 0;
    friend auto operator<=>(const Subnet&, const Subnet&) = default;
  };
  struct Token;
  class Visitor;

  template <class Sink>
  static void visit_tokens(std::string_view text, DottedNumbers dotted, Sink&& sink);
  void collect_mac(const Mac& mac);
  void collect_guid(const Guid& guid);
  void collect_ipv6(const std::array<std::uint8_t, 16>& address);
  Mac mask_mac(const Mac& mac) const;
  Guid mask_guid(const Guid& guid) const;
  std::uint32_t mask_ipv4(std::uint32_t address) const;
  std::array<std::uint8_t, 16> mask_ipv6(const std::array<std::uint8_t, 16>& address) const;
  std::string mask_token(const Token& token) const;
  std::string mask_words(std::string_view text) const;

  std::map<std::array<std::uint8_t, 5>, unsigned> mac_prefixes_;
  std::map<std::array<std::uint8_t, 7>, unsigned> guid_prefixes_;
  std::map<std::array<std::uint8_t, 8>, unsigned> ipv6_prefixes_;
  std::set<std::uint32_t> ipv4_;
  std::set<Subnet> subnets_;
  std::vector<std::pair<Subnet, std::uint32_t>> masked_subnets_;  ///< outermost subnets -> masked network
  std::map<std::string, unsigned> uuids_;
  std::map<std::string, unsigned> serials_;
  std::set<std::string> kept_words_;
  std::map<std::string, std::string, std::greater<>> words_;  ///< host names and homes, longer ones first
  std::set<std::string> hostnames_;
  std::set<std::string> homes_;
};

}  // namespace rocekit::facts
