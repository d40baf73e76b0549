#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <type_traits>

#include "probes/facts/identifiers.h"
#include "probes/facts/snapshot.h"

namespace rocekit::facts {
namespace {

/// Configuration holds addresses and host names; sysfs and procfs hold versions that look like addresses.
DottedNumbers dotted_in(std::string_view path) {
  for (const std::string_view directory : {"/etc/os-release", "/etc/libibverbs.d", "/usr/lib/os-release"}) {
    if (path.starts_with(directory)) return DottedNumbers::are_versions;
  }
  for (const std::string_view directory : {"/etc/", "/home/", "/root/", "/run/", "/lib/", "/usr/lib/"}) {
    if (path.starts_with(directory)) return DottedNumbers::are_addresses;
  }
  return DottedNumbers::are_versions;
}

bool holds_hostname(std::string_view path) { return path == "/etc/hostname" || path == "/proc/sys/kernel/hostname"; }

// A walk over every text of the answers, each with the name of its field.

template <class F>
void each_text(std::string_view name, std::string& text, F&& use) {
  use(name, text);
}
template <class T, class F>
requires std::is_arithmetic_v<T>
void each_text(std::string_view, T&, F&&) {}
template <class T, class F>
void each_text(std::string_view name, Fact<T>& fact, F&& use);
template <class T, class F>
void each_text(std::string_view name, std::optional<T>& value, F&& use);
template <class T, class F>
void each_text(std::string_view name, std::vector<T>& list, F&& use);
template <class T, class F>
void each_text(std::string_view name, std::map<std::string, T>& map, F&& use);
template <class T, class F>
requires std::is_class_v<T>
void each_text(std::string_view, T& described, F&& use) {
  describe(described, [&](std::string_view name, auto& member) { each_text(name, member, use); });
}
template <class T, class F>
void each_text(std::string_view name, Fact<T>& fact, F&& use) {
  if (fact) {
    each_text(name, fact.value(), use);
  } else {
    Missing missing = fact.missing();
    use("detail", missing.detail);
    fact = std::move(missing);
  }
}
template <class T, class F>
void each_text(std::string_view name, std::optional<T>& value, F&& use) {
  if (value) each_text(name, *value, use);
}
template <class T, class F>
void each_text(std::string_view name, std::vector<T>& list, F&& use) {
  for (T& item : list) each_text(name, item, use);
}
template <class T, class F>
void each_text(std::string_view, std::map<std::string, T>& map, F&& use) {
  for (auto& [key, value] : map) each_text(key, value, use);
}

DottedNumbers dotted_in_answer(std::string_view field) {
  const bool version = field == "version" || field == "kernel" || field == "topology_xml";
  return version ? DottedNumbers::are_versions : DottedNumbers::are_addresses;
}

// Serial numbers in module EEPROMs.

struct SerialField {
  std::size_t start;
  std::size_t checksum;
  std::size_t checksum_start;
};
constexpr std::size_t serial_length = 16;

/// Bytes of the lower page and page 00h: SFF-8636 table 6-16 (serial number 196-211, CC_EXT 223 over 192-222), CMIS 5.0
/// table 8-28 (166-181, checksum 222 over 128-221), SFF-8472 table 4-1 (68-83, CC_EXT 95 over 64-94).
std::optional<SerialField> serial_field(const std::vector<std::uint8_t>& bytes) {
  if (bytes.empty()) return std::nullopt;
  std::optional<SerialField> field;
  switch (bytes[0]) {
    case 0x03:
      field = SerialField{68, 95, 64};
      break;
    case 0x0c:
    case 0x0d:
    case 0x11:
      field = SerialField{196, 223, 192};
      break;
    default:
      if (bytes[0] >= 0x18) field = SerialField{166, 222, 128};
      break;
  }
  if (field && bytes.size() <= field->checksum) return std::nullopt;
  return field;
}

std::vector<std::uint8_t> bytes_of(std::string_view hex) {
  std::vector<std::uint8_t> bytes(hex.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char* digits = hex.data() + 2 * i;
    if (std::from_chars(digits, digits + 2, bytes[i], 16).ptr != digits + 2) return {};
  }
  return hex.size() % 2 == 0 ? bytes : std::vector<std::uint8_t>{};
}

std::string serial_in(const std::vector<std::uint8_t>& bytes) {
  const auto field = serial_field(bytes);
  if (!field) return {};
  const auto start = bytes.begin() + static_cast<std::ptrdiff_t>(field->start);
  std::string serial(start, start + serial_length);
  const std::size_t last = serial.find_last_not_of(std::string_view(" \0", 2));
  serial.erase(last == std::string::npos ? 0 : last + 1);
  return serial;
}

void mask_eeprom(std::string& hex, const Identifiers& identifiers) {
  std::vector<std::uint8_t> bytes = bytes_of(hex);
  const auto field = serial_field(bytes);
  if (!field) return;
  std::string serial = identifiers.mask_serial(serial_in(bytes));
  serial.resize(serial_length, ' ');
  // A checksum that was wrong stays wrong by as much: that is a fact about this module.
  unsigned change = 0;
  for (std::size_t i = 0; i < serial_length; ++i) {
    std::uint8_t& byte = bytes[field->start + i];
    change += static_cast<std::uint8_t>(serial[i]) - static_cast<unsigned>(byte);
    byte = static_cast<std::uint8_t>(serial[i]);
  }
  bytes[field->checksum] = static_cast<std::uint8_t>(bytes[field->checksum] + change);
  hex.clear();
  for (const std::uint8_t byte : bytes) hex += fmt::format("{:02x}", byte);
}

// hwloc's XML: <info name="HostName" value="spark-1"/>.

enum class XmlValue { plain, hostname, serial };

XmlValue kind_of_info(std::string_view name) {
  if (name == "HostName") return XmlValue::hostname;
  for (const std::string_view word : {"Serial", "AssetTag"}) {
    if (name.find(word) != std::string_view::npos) return XmlValue::serial;
  }
  return XmlValue::plain;
}

/// Calls use(kind, value) for every named value and puts back what it returns.
template <class F>
std::string with_xml_values(std::string_view xml, F&& use) {
  constexpr std::string_view name_start = "name=\"";
  constexpr std::string_view value_start = "\" value=\"";
  std::string result;
  for (;;) {
    const std::size_t name_at = xml.find(name_start);
    if (name_at == std::string_view::npos) break;
    const std::size_t name_begin = name_at + name_start.size();
    const std::size_t name_end = xml.find('"', name_begin);
    if (name_end == std::string_view::npos) break;
    if (xml.substr(name_end, value_start.size()) != value_start) {
      result.append(xml.substr(0, name_end));
      xml.remove_prefix(name_end);
      continue;
    }
    const std::size_t value_begin = name_end + value_start.size();
    const std::size_t value_end = xml.find('"', value_begin);
    if (value_end == std::string_view::npos) break;
    result.append(xml.substr(0, value_begin));
    result.append(use(kind_of_info(xml.substr(name_begin, name_end - name_begin)),
                      xml.substr(value_begin, value_end - value_begin)));
    xml.remove_prefix(value_end);
  }
  return result.append(xml);
}

constexpr std::string_view switch_id = "/phys_switch_id";

bool is_switch_id(std::string_view path) {
  return path.size() > switch_id.size() && path.substr(path.size() - switch_id.size()) == switch_id;
}

void collect_files(const FileRecord& record, Identifiers& identifiers) {
  const auto collect_path = [&](const std::string& path) { identifiers.collect(path, dotted_in(path)); };
  for (const auto& [path, content] : record.files) {
    collect_path(path);
    identifiers.collect(content, dotted_in(path));
    if (holds_hostname(path)) identifiers.add_hostname(content);
    // Made of the adapter's GUID, written without colons.
    if (is_switch_id(path)) identifiers.add_serial(content);
  }
  for (const auto& [path, target] : record.links) {
    collect_path(path);
    collect_path(target);
  }
  for (const auto& [path, names] : record.listings) {
    collect_path(path);
    for (const std::string& name : names) {
      identifiers.collect(name, dotted_in(path));
      if (path == "/sys/class/net" || path == "/sys/class/infiniband") identifiers.keep_word(name);
    }
  }
  for (const auto& [path, missing] : record.errors) collect_path(path);
  for (const auto& path : record.directories) collect_path(path);
  for (const auto& path : record.present) collect_path(path);
}

void collect_answers(KernelAnswers answers, Identifiers& identifiers) {
  identifiers.add_hostname(answers.hostname.value_or(""));
  const auto environment = answers.environment.value_or({});
  if (const auto home = environment.find("HOME"); home != environment.end()) identifiers.add_home(home->second);
  for (const NetdevAnswers& netdev : answers.netdevs.value_or({})) {
    identifiers.keep_word(netdev.name);
    for (const Address& address : netdev.addresses.value_or({})) {
      if (address.family == "inet") identifiers.add_subnet(address.ip, address.prefix_length);
    }
    identifiers.add_serial(serial_in(bytes_of(netdev.eeprom_hex.value_or(""))));
    identifiers.add_serial(netdev.phys_switch_id.value_or(""));
  }
  for (const Route& route : answers.routes.value_or({})) {
    const std::size_t slash = route.destination.find('/');
    int prefix_length = 0;
    if (slash == std::string::npos) continue;
    const char* end = route.destination.data() + route.destination.size();
    if (std::from_chars(route.destination.data() + slash + 1, end, prefix_length).ptr == end) {
      identifiers.add_subnet(route.destination.substr(0, slash), prefix_length);
    }
  }
  with_xml_values(answers.topology_xml.value_or(""), [&](XmlValue kind, std::string_view value) {
    if (kind == XmlValue::hostname) identifiers.add_hostname(value);
    if (kind == XmlValue::serial) identifiers.add_serial(value);
    return std::string(value);
  });
  each_text({}, answers,
            [&](std::string_view field, std::string& text) { identifiers.collect(text, dotted_in_answer(field)); });
}

FileRecord mask_files(const FileRecord& record, const Identifiers& identifiers) {
  const auto path_of = [&](const std::string& path) { return identifiers.mask(path, dotted_in(path)); };
  FileRecord masked;
  for (const auto& [path, content] : record.files) {
    masked.files[path_of(path)] = holds_hostname(path) ? identifiers.mask_hostname(content)
                                  : is_switch_id(path) ? identifiers.mask_serial(content)
                                                       : identifiers.mask(content, dotted_in(path));
  }
  for (const auto& [path, target] : record.links)
    masked.links[path_of(path)] = identifiers.mask(target, dotted_in(path));
  for (const auto& [path, names] : record.listings) {
    auto& list = masked.listings[path_of(path)];
    for (const std::string& name : names) list.push_back(identifiers.mask(name, dotted_in(path)));
    std::sort(list.begin(), list.end());
  }
  for (const auto& [path, missing] : record.errors) masked.errors[path_of(path)] = missing;
  for (const auto& path : record.directories) masked.directories.insert(path_of(path));
  for (const auto& path : record.present) masked.present.insert(path_of(path));
  return masked;
}

KernelAnswers mask_answers(KernelAnswers answers, const Identifiers& identifiers) {
  each_text({}, answers, [&](std::string_view field, std::string& text) {
    if (field == "eeprom_hex") {
      mask_eeprom(text, identifiers);
    } else if (field == "phys_switch_id") {
      text = identifiers.mask_serial(text);
    } else if (field == "hostname") {
      text = identifiers.mask_hostname(text);
    } else if (field == "topology_xml") {
      const std::string named = with_xml_values(text, [&](XmlValue kind, std::string_view value) {
        return kind == XmlValue::hostname ? identifiers.mask_hostname(value)
               : kind == XmlValue::serial ? identifiers.mask_serial(value)
                                          : std::string(value);
      });
      text = identifiers.mask(named, DottedNumbers::are_versions);
    } else {
      text = identifiers.mask(text, dotted_in_answer(field));
    }
  });
  return answers;
}

}  // namespace

Snapshot anonymize(const Snapshot& snapshot) {
  Identifiers identifiers;
  collect_files(snapshot.files, identifiers);
  collect_answers(snapshot.answers, identifiers);
  identifiers.assign();
  return {mask_files(snapshot.files, identifiers), mask_answers(snapshot.answers, identifiers)};
}

}  // namespace rocekit::facts
