#include "probes/facts/kernel/container_runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "core/io/command.h"
#include "core/text/utf8.h"
#include "probes/facts/kernel/container_processes.h"

namespace rocekit::facts::kernel {
namespace {

std::string first_line(const std::string& text) {
  return text::shortened(text::printable(std::string_view(text).substr(0, text.find('\n'))), 160);
}

/// Warnings come before the error.
std::string last_line(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \n");
  text = text.substr(0, end == std::string_view::npos ? 0 : end + 1);
  const std::size_t start = text.rfind('\n');
  return first_line(std::string(text.substr(start == std::string_view::npos ? 0 : start + 1)));
}

std::optional<int> parse_pid(std::string_view text) {
  int pid = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc{} || pid < 0 || (end != text.data() + text.size() && *end != '\n')) return std::nullopt;
  return pid;
}

int first_process_of_container(const std::string& name) {
  if (!is_container_name(name)) {
    throw InputError(fmt::format("\"{}\" is no container's name", text::shortened(text::printable(name), 60)));
  }
  std::string refusal;
  for (const char* runtime : {"podman", "docker"}) {
    const io::CommandResult result = io::run_command(
        {runtime, "inspect", "--type", "container", "--format", "{{.State.Pid}}", name}, std::chrono::seconds(10));
    if (!result.found) continue;
    if (result.timed_out) throw InputError(fmt::format("{} inspect {} did not answer within 10 s", runtime, name));
    if (result.exit_code != 0) {
      refusal += fmt::format("{}{}: {}", refusal.empty() ? "" : "; ", runtime, last_line(result.errors));
      continue;
    }
    const std::optional<int> pid = parse_pid(result.output);
    if (!pid) {
      throw InputError(
          fmt::format("{} inspect {} answered \"{}\", not a process", runtime, name, first_line(result.output)));
    }
    if (*pid == 0) throw InputError(fmt::format("container {} is not running; start it first ({})", name, runtime));
    return *pid;
  }
  if (refusal.empty()) {
    throw InputError(
        "neither podman nor docker is here to ask; name the process with --pid (inside the container: its number "
        "there)");
  }
  throw InputError(
      fmt::format("no container {} is known to this user ({}); those of root are known to root: sudo", name, refusal));
}

}  // namespace

bool is_container_name(const std::string& name) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-'; };
  return !name.empty() && std::isalnum(static_cast<unsigned char>(name.front())) != 0 &&
         std::all_of(name.begin(), name.end(), allowed);
}

int process_of_container(const std::string& name) { return serving_process_of(first_process_of_container(name)); }

}  // namespace rocekit::facts::kernel
