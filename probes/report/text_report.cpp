#include "probes/report/text_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>

#include "core/text/ascii.h"
#include "core/text/table.h"
#include "core/text/utf8.h"
#include "probes/report/finding_text.h"
#include "probes/report/serving_text.h"

namespace rocekit::report {
namespace {

using checks::Finding;
using checks::Severity;
using facts::DeviceKind;
using facts::Fact;
using facts::Why;
using text::Cell;
using text::Style;
using text::Tone;

constexpr int label_width = 6;

std::string join(const std::vector<std::string>& words, std::string_view separator = ", ") {
  return fmt::format("{}", fmt::join(words, separator));
}

/// "200", "31.5": at most one decimal, none when it is zero.
std::string number(double value) {
  const double rounded = std::round(value * 10) / 10;
  return rounded == std::round(rounded) ? fmt::format("{:.0f}", rounded) : fmt::format("{:.1f}", rounded);
}

/// "-": there is no such thing here; "?": there is, and it could not be read.
template <class T>
std::string mark_of(const Fact<T>& fact) {
  return fact.missing().why == Why::absent ? "-" : "?";
}

const char* kind_in_words(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::roce:
      return "RoCE";
    case DeviceKind::soft_roce:
      return "Soft-RoCE";
    case DeviceKind::infiniband:
      return "InfiniBand";
    case DeviceKind::iwarp:
      return "iWARP";
    case DeviceKind::omni_path:
      return "Omni-Path";
    case DeviceKind::unknown:
      break;
  }
  return "unknown kind";
}

/// "Gen5" for 32 GT/s; PCI Express Base Specification, Link Capabilities 2.
std::string pcie_generation(double speed_gt_s) {
  constexpr std::array speeds{2.5, 5.0, 8.0, 16.0, 32.0, 64.0};
  for (std::size_t i = 0; i < speeds.size(); ++i) {
    if (speed_gt_s == speeds[i]) return fmt::format("Gen{}", i + 1);
  }
  return number(speed_gt_s) + " GT/s";
}

Cell pcie_cell(const Fact<facts::Pci>& pci) {
  if (!pci) return {mark_of(pci)};
  if (!pci->speed_gt_s) return {mark_of(pci->speed_gt_s)};
  if (!pci->width) return {mark_of(pci->width)};
  const bool slower = pci->max_speed_gt_s && *pci->speed_gt_s < *pci->max_speed_gt_s;
  const bool narrower = pci->max_width && *pci->width < *pci->max_width;
  std::string words = pcie_generation(*pci->speed_gt_s);
  if (slower && !narrower) words += " of " + pcie_generation(*pci->max_speed_gt_s);
  words += fmt::format(" x{}", *pci->width);
  if (slower && narrower) words += fmt::format(" of {}", pcie_generation(*pci->max_speed_gt_s));
  if (narrower) words += fmt::format("{}x{}", slower ? " " : " of ", *pci->max_width);
  return {words, slower || narrower ? Tone::warn : Tone::plain};
}

Cell ipv4_cell(const facts::Netdev* netdev) {
  if (netdev == nullptr) return {"-"};
  if (!netdev->addresses) return {mark_of(netdev->addresses)};
  std::vector<std::string> found;
  for (const facts::Address& address : *netdev->addresses) {
    if (address.family == "inet") found.push_back(fmt::format("{}/{}", address.ip, address.prefix_length));
  }
  if (found.empty()) return {"none", Tone::bad};
  return {found.size() == 1 ? found.front() : fmt::format("{} +{}", found.front(), found.size() - 1)};
}

Cell state_cell(const facts::Port& port) {
  if (!port.state) return {mark_of(port.state)};
  return {*port.state, *port.state == "ACTIVE" ? Tone::good : Tone::bad};
}

class Report {
 public:
  Report(const ProbeReport& report, const Style& style, const TextOptions& options)
      : report_(report), node_(report.node), style_(style), options_(options) {}

  std::string render() {
    host();
    process();
    gpus();
    nccl();
    rails();
    findings();
    if (options_.verbose) all_checks();
    counts();
    verdict();
    return std::move(out_);
  }

 private:
  // ---- lines ----

  void blank() { out_ += '\n'; }

  void paragraph(std::string_view words, int first_indent, int indent, Tone tone = Tone::plain) {
    for (const std::string& line : text::wrap(words, options_.width, first_indent, indent)) {
      const std::size_t start = std::min(line.find_first_not_of(' '), line.size());
      out_ += line.substr(0, start) + style_.paint(tone, std::string_view(line).substr(start)) + '\n';
    }
  }

  /// "HOST  spark-1: ..." with further lines under the first.
  void labelled(std::string_view label, std::string_view words) {
    const auto lines = text::wrap(words, options_.width, label_width, label_width);
    bool first = true;
    for (const std::string& line : lines) {
      if (first) {
        out_ += style_.paint(Tone::faint, label) + std::string(label_width - label.size(), ' ') +
                line.substr(std::min<std::size_t>(label_width, line.size())) + '\n';
      } else {
        out_ += line + '\n';
      }
      first = false;
    }
  }

  // ---- what there is ----

  void host() {
    const facts::Host& host = node_.host;
    std::vector<std::string> system;
    for (const Fact<std::string>* fact : {&host.machine, &host.architecture, &host.os}) {
      if (*fact) system.push_back(**fact);
    }
    if (host.kernel) system.push_back("kernel " + *host.kernel);
    labelled("HOST", fmt::format("{}: {}", host.hostname.value_or("(name not read)"),
                                 system.empty() ? "nothing about the system could be read" : join(system)));

    std::vector<std::string> software;
    if (host.nvidia_driver) software.push_back("NVIDIA driver " + *host.nvidia_driver);
    software.push_back(host.nccl_libraries.empty()
                           ? std::string("no NCCL found")
                           : "NCCL " + host.nccl_libraries.front().version.value_or("of unknown version"));
    software.push_back(host.libibverbs ? "rdma-core " + host.libibverbs->version.value_or("of unknown version")
                                       : no_libibverbs(host.libibverbs.missing()));
    out_ += std::string(label_width, ' ') + text::printable(join(software)) + '\n';

    std::vector<std::string> rights;
    if (node_.process.euid) {
      rights.push_back(*node_.process.euid == 0 ? "root" : fmt::format("user {}", *node_.process.euid));
    }
    if (node_.process.memlock) rights.push_back("memlock " + memlock_in_words(*node_.process.memlock));
    if (host.container) {
      rights.push_back(*host.container == "none" ? "no container" : "inside a container (" + *host.container + ")");
    }
    if (!rights.empty()) out_ += std::string(label_width, ' ') + text::printable("read as: " + join(rights)) + '\n';
  }

  /// The process that is judged in place of this one.
  void process() {
    if (!node_.serving) return;
    labelled("PROC", text::printable("judged: " + serving_in_words(*node_.serving)));
  }

  static std::string no_libibverbs(const facts::Missing& missing) {
    return missing.why == Why::not_read ? "rdma-core not looked for" : "no libibverbs found";
  }

  void gpus() {
    if (node_.gpus.empty()) {
      labelled("GPU", "none seen");
      return;
    }
    std::map<std::string, int> count_of;
    for (const facts::Gpu& gpu : node_.gpus) {
      std::string words = gpu.name.value_or("GPU of unknown name");
      if (gpu.integrated.is(true)) {
        words += ", integrated: no GPUDirect RDMA by design, NCCL sends from host memory";
      } else if (gpu.dma_buf_supported.is(true)) {
        words += ", GPUDirect RDMA through dma-buf";
      } else if (gpu.gpu_direct_rdma_supported.is(true)) {
        words += ", GPUDirect RDMA supported";
      } else if (gpu.gpu_direct_rdma_supported.is(false)) {
        words += ", no GPUDirect RDMA";
      }
      ++count_of[words];
    }
    std::vector<std::string> groups;
    for (const auto& [words, count] : count_of) {
      groups.push_back(count == 1 ? words : fmt::format("{} x {}", count, words));
    }
    labelled("GPU", join(groups, "; "));
  }

  std::string hca_in_words(const std::string& hca) const {
    const std::size_t colon = hca.rfind(':');
    const facts::Device* device = node_.find_device(hca.substr(0, colon));
    return device != nullptr && device->ports.size() == 1 ? device->name : hca;
  }

  bool is_reported(std::string_view id) const {
    return std::any_of(report_.findings.begin(), report_.findings.end(), [&](const Finding& finding) {
      return finding.id == id && (finding.severity == Severity::critical || finding.severity == Severity::warning);
    });
  }

  void nccl() {
    const derived::NcclChoice& choice = report_.nccl;
    if (choice.net == "IB") {
      std::vector<std::string> names;
      for (const std::string& hca : choice.hcas) names.push_back(hca_in_words(hca));
      labelled("NCCL", fmt::format("will use IB (RDMA) over {}", join(names)));
    } else if (choice.net == "Socket") {
      const std::string over = choice.socket_ifnames.empty() ? "no interface" : join(choice.socket_ifnames);
      // A finding that tells why stands below; the reason names every device and is long.
      labelled("NCCL", fmt::format("will use TCP sockets over {}, not RDMA: {}", over,
                                   is_reported("ROCE-ENV-006") ? "see ROCE-ENV-006" : choice.why));
    } else if (choice.net == "none") {
      labelled("NCCL", fmt::format("will not start: {}", choice.why));
    } else if (choice.net == "unknown") {
      labelled("NCCL", fmt::format("cannot be predicted: {}", choice.why));
    } else {
      labelled("NCCL", fmt::format("will use {}: {}", choice.net, choice.why));
    }
    if (!choice.socket_ifnames.empty() && choice.net != "none") {
      labelled("", fmt::format("bootstrap over {}: {}", choice.socket_ifnames.front(), choice.socket_why));
    }
    if (!options_.verbose) return;
    for (const derived::Rejected& item : choice.rejected) {
      paragraph(fmt::format("not {}: {}", hca_in_words(fmt::format("{}:{}", item.device, item.port)), item.why),
                label_width, label_width + 2);
    }
    for (const auto& [hca, gid] : choice.gids) {
      paragraph(fmt::format("GID {} of {}: {} {}{}", gid.index, hca_in_words(hca),
                            gid.gid.empty() ? "(empty)" : gid.gid, gid.type, gid.why.empty() ? "" : ", " + gid.why),
                label_width, label_width + 2);
    }
  }

  // ---- rails ----

  const facts::Port* port_of(const derived::RailMember& member) const {
    const facts::Device* device = node_.find_device(member.device);
    if (device == nullptr) return nullptr;
    for (const facts::Port& port : device->ports) {
      if (port.number == member.port) return &port;
    }
    return nullptr;
  }

  const facts::Netdev* netdev_of(const derived::RailMember& member) const {
    return member.netdev ? node_.find_netdev(*member.netdev) : nullptr;
  }

  std::string member_name(const derived::RailMember& member) const {
    const facts::Device* device = node_.find_device(member.device);
    return device != nullptr && device->ports.size() > 1 ? fmt::format("{}:{}", member.device, member.port)
                                                         : member.device;
  }

  Cell gid_cell(const derived::RailMember& member, const facts::Port& port) const {
    const auto chosen = report_.nccl.gids.find(fmt::format("{}:{}", member.device, member.port));
    if (chosen != report_.nccl.gids.end()) {
      const derived::GidChoice& gid = chosen->second;
      std::string words = std::to_string(gid.index);
      if (gid.gid.empty()) {
        words += " empty";
      } else if (gid.type == "RoCE v2") {
        words += " v2";
      } else if (gid.type == "RoCE v1") {
        words += " v1";
      }
      if (gid.pinned) words += " pinned";
      return {words, gid.usable ? Tone::plain : Tone::bad};
    }
    for (const facts::Gid& gid : port.gids) {
      if (gid.type.is("RoCE v2") && gid.ipv4) return {fmt::format("{} v2", gid.index)};
    }
    const bool roce = port.link_layer.is("Ethernet");
    return {port.gids.empty() ? "-" : roce ? "no v2" : "0"};
  }

  std::vector<Cell> member_cells(const derived::RailMember& member) const {
    const facts::Device* device = node_.find_device(member.device);
    const facts::Port* port = port_of(member);
    const facts::Netdev* netdev = netdev_of(member);
    std::vector<Cell> cells{{member_name(member), Tone::strong}, {member.netdev.value_or("-")}};
    if (device == nullptr || port == nullptr) return cells;
    cells.push_back(state_cell(*port));
    cells.push_back(pcie_cell(device->pci));
    cells.push_back({netdev == nullptr ? "-" : netdev->mtu ? std::to_string(*netdev->mtu) : mark_of(netdev->mtu)});
    cells.push_back({port->active_mtu ? std::to_string(*port->active_mtu) : mark_of(port->active_mtu)});
    cells.push_back(gid_cell(member, *port));
    cells.push_back(ipv4_cell(netdev));
    return cells;
  }

  std::string rail_name(const derived::Rail& rail) const {
    std::string words = rail.cage;
    const char* kind = kind_in_words(rail.kind);
    const bool named = text::lower_case(words).find(text::lower_case(kind)) != std::string::npos;
    if (rail.kind != DeviceKind::roce && !named) words += fmt::format(" [{}]", kind);
    return words;
  }

  static std::string gpu_nearby(const facts::NodeFacts& node, const derived::Rail& rail) {
    if (!node.topology) return {};
    for (const facts::Proximity& near : node.topology->proximity) {
      const bool of_rail = std::any_of(rail.members.begin(), rail.members.end(),
                                       [&](const derived::RailMember& member) { return member.device == near.device; });
      if (!of_rail || near.distance != "PIX") continue;
      for (std::size_t i = 0; i < node.gpus.size(); ++i) {
        if (node.gpus[i].pci_address == near.gpu) return fmt::format("; GPU {} on the same switch", i);
      }
    }
    return {};
  }

  std::string why_down(const derived::Rail& rail) const {
    for (const derived::RailMember& member : rail.members) {
      const facts::Netdev* netdev = netdev_of(member);
      if (netdev == nullptr) continue;
      if (netdev->admin_up.is(false)) return fmt::format("{} is set down", netdev->name);
      if (netdev->link_state && netdev->link_state->reason) return text::lower_case(*netdev->link_state->reason);
    }
    for (const derived::RailMember& member : rail.members) {
      const facts::Port* port = port_of(member);
      if (port != nullptr && port->phys_state) return text::lower_case(*port->phys_state);
    }
    return "reason not told";
  }

  std::string down_rail(const std::string& head, const derived::Rail& rail) const {
    std::vector<std::string> devices;
    std::vector<std::string> with_netdevs;
    for (const derived::RailMember& member : rail.members) {
      devices.push_back(member_name(member));
      with_netdevs.push_back(member.netdev ? fmt::format("{} on {}", devices.back(), *member.netdev) : devices.back());
    }
    const std::string start = fmt::format("{}: down, {} ", head, why_down(rail));
    const std::string whole = fmt::format("{}({})", start, join(with_netdevs));
    return static_cast<int>(text::columns(whole)) <= options_.width ? whole
                                                                    : fmt::format("{}({})", start, join(devices));
  }

  /// "200 Gb/s link shared by 2 devices, at most 196.1 Gb/s of payload"
  static std::string rail_capacity(const derived::Rail& rail) {
    std::string words = rail.link_gbit_s ? fmt::format("{} Gb/s link", number(*rail.link_gbit_s)) : "";
    if (rail.twins) words += fmt::format("{}shared by {} devices", words.empty() ? "" : " ", rail.members.size());
    std::string bound = rail.bound_why;
    if (rail.bound_gbit_s) {
      bound = rail.limited_by == "pcie"
                  ? fmt::format("but PCIe lets at most {} Gb/s through", number(*rail.bound_gbit_s))
                  : fmt::format("at most {} Gb/s of payload", number(*rail.bound_gbit_s));
    }
    if (words.empty()) return bound.empty() ? "link rate unknown" : bound;
    return bound.empty() ? words : words + ", " + bound;
  }

  void add_rail(text::Table& table, const derived::Rail& rail) const {
    const std::string head = fmt::format("{}  {}", rail.index, rail_name(rail));
    if (!rail.active) {
      table.add_line({down_rail(head, rail), Tone::faint}, 3);
      return;
    }
    table.add_line({fmt::format("{}: {}{}", head, rail_capacity(rail), gpu_nearby(node_, rail))}, 3);
    if (options_.verbose && rail.bound_gbit_s && !rail.bound_why.empty()) {
      table.add_line({"   " + rail.bound_why, Tone::faint}, 3);
    }
    for (const derived::RailMember& member : rail.members) {
      std::vector<Cell> cells = member_cells(member);
      cells.front().text.insert(0, "   ");
      // printable() keeps blanks, so the indent stays inside the column.
      table.add_row(std::move(cells));
    }
  }

  void rails() {
    blank();
    if (report_.rails.empty()) {
      labelled("RAILS", "none: no RDMA device on this node");
      return;
    }
    text::Table table(
        {{"RAIL / DEVICE"}, {"NETDEV"}, {"STATE"}, {"PCIE", 1}, {"MTU"}, {"PATH MTU", 2}, {"GID"}, {"IPV4"}});
    for (const derived::Rail& rail : report_.rails) add_rail(table, rail);
    const std::string rendered = table.render(style_, options_.width);
    out_ += rendered;
    if (rendered.find(" ? ") != std::string::npos || rendered.find(" ?\n") != std::string::npos) {
      paragraph("? could not be read; the findings or roce-probe -v say why", 0, 2, Tone::faint);
    }
  }

  // ---- findings ----

  void findings() {
    FindingsLayout layout;
    layout.width = options_.width;
    layout.verbose = options_.verbose;
    out_ += render_findings(report_.findings, style_, layout);
  }

  /// "rocep1s0f0: libibverbs has ...", without the subject where the title names it.
  static std::string said_of(const Finding& finding) {
    const std::string first_subject = finding.subject.substr(0, finding.subject.find(", "));
    const bool named = finding.subject == "node" || finding.title.find(first_subject) != std::string::npos;
    return named ? finding.title : fmt::format("{}: {}", finding.subject, finding.title);
  }

  void all_checks() {
    blank();
    constexpr int head = 8 + 2 + 12 + 2;
    out_ += style_.paint(Tone::faint, "RESULT    CHECK") + '\n';
    for (const Finding& finding : report_.findings) {
      const auto lines = text::wrap(said_of(finding), options_.width, head, head);
      const std::string word = severity_word(finding.severity);
      out_ += style_.paint(severity_tone(finding.severity), word) + std::string(10 - word.size(), ' ') +
              fmt::format("{:<12}  ", finding.id) +
              lines.front().substr(std::min<std::size_t>(head, lines.front().size())) + '\n';
      for (std::size_t i = 1; i < lines.size(); ++i) out_ += lines[i] + '\n';
    }
  }

  // ---- the end ----

  /// The worst that each check said, by ID; a check that passed somewhere and was skipped elsewhere has passed.
  std::map<std::string, Severity> worst_by_id() const {
    std::map<std::string, Severity> worst;
    for (const Finding& finding : report_.findings) {
      const auto [entry, added] = worst.emplace(finding.id, finding.severity);
      if (!added && checks::weight(finding.severity) > checks::weight(entry->second)) entry->second = finding.severity;
    }
    return worst;
  }

  static bool needs_root(const Finding& finding) {
    std::string words = finding.title + ' ' + finding.cause;
    for (const std::string& line : finding.remedy) words += ' ' + line;
    words = text::lower_case(words);
    for (const char* sign : {"root", "permission", "not permitted", "sudo", "cap_"}) {
      if (words.find(sign) != std::string::npos) return true;
    }
    return false;
  }

  void counts() {
    std::map<Severity, int> count;
    for (const auto& [id, severity] : worst_by_id()) ++count[severity];
    std::vector<std::string> parts;
    const auto checks_word = [](int n) { return n == 1 ? "check" : "checks"; };
    parts.push_back(fmt::format("{} {} passed", count[Severity::ok], checks_word(count[Severity::ok])));
    if (count[Severity::critical] > 0) parts.push_back(fmt::format("{} critical", count[Severity::critical]));
    if (count[Severity::warning] > 0) {
      parts.push_back(fmt::format("{} warning{}", count[Severity::warning], count[Severity::warning] == 1 ? "" : "s"));
    }
    if (count[Severity::skipped] > 0) {
      parts.push_back(fmt::format("{} not applicable here", count[Severity::skipped]));
    }
    if (count[Severity::unknown] > 0) {
      const bool all_need_root = std::all_of(
          report_.findings.begin(), report_.findings.end(),
          [](const Finding& finding) { return finding.severity != Severity::unknown || needs_root(finding); });
      parts.push_back(fmt::format("{} could not run{}", count[Severity::unknown],
                                  all_need_root ? ": needs root" : " (see UNKNOWN above)"));
    }
    blank();
    paragraph(join(parts), 0, 2, Tone::faint);
  }

  std::vector<std::string> ids_of(Severity severity, bool essential_only) const {
    std::vector<std::string> ids;
    for (const Finding& finding : report_.findings) {
      if (finding.severity != severity || (essential_only && !finding.essential)) continue;
      if (std::find(ids.begin(), ids.end(), finding.id) == ids.end()) ids.push_back(finding.id);
    }
    return ids;
  }

  void verdict() {
    std::string word;
    Tone tone = Tone::plain;
    std::string because;
    switch (report_.verdict) {
      case checks::Verdict::ready:
        word = "READY";
        tone = Tone::good;
        break;
      case checks::Verdict::degraded:
        word = "DEGRADED";
        tone = Tone::warn;
        because = "it works, but not as it should: " + join(ids_of(Severity::warning, false));
        break;
      case checks::Verdict::not_ready:
        word = "NOT READY";
        tone = Tone::bad;
        because = join(ids_of(Severity::critical, false));
        break;
      case checks::Verdict::unknown: {
        word = "UNKNOWN";
        tone = Tone::warn;
        const auto ids = ids_of(Severity::unknown, true);
        because = ids.empty() ? "nothing was judged" : "could not be judged: " + join(ids);
        break;
      }
    }
    const std::string head = fmt::format("{}: ", report_.node.host.hostname.value_or("this node"));
    if (because.empty()) {
      out_ += text::printable(head) + style_.paint(tone, word) + '\n';
      return;
    }
    const std::string whole = fmt::format("{}{} ({})", text::printable(head), word, because);
    std::vector<std::string> lines = text::wrap(whole, options_.width, 0, 2);
    const std::size_t at = lines.front().find(word, text::printable(head).size());
    if (at != std::string::npos) lines.front().replace(at, word.size(), style_.paint(tone, word));
    for (const std::string& line : lines) out_ += line + '\n';
  }

  const ProbeReport& report_;
  const facts::NodeFacts& node_;
  const Style& style_;
  const TextOptions& options_;
  std::string out_;
};

}  // namespace

std::string render_text(const ProbeReport& report, const Style& style, const TextOptions& options) {
  return Report(report, style, options).render();
}

}  // namespace rocekit::report
