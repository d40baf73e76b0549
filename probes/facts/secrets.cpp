#include "probes/facts/secrets.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "probes/facts/variables.h"

namespace rocekit::facts {
namespace {

/// Of an environment, the variable that names a container, and of the process that is judged also those that readers
/// ask for; each ended by a NUL.
std::string kept_variables(std::string_view environment, bool of_init) {
  std::string kept;
  while (!environment.empty()) {
    const std::string_view variable = environment.substr(0, environment.find('\0'));
    const bool asked = !of_init && is_asked_variable(variable.substr(0, variable.find('=')));
    if (asked || variable.starts_with("container=")) kept.append(variable).append(1, '\0');
    environment.remove_prefix(std::min(variable.size() + 1, environment.size()));
  }
  if (!kept.empty()) kept.pop_back();
  return kept;
}

bool is_secret_key(std::string_view key) {
  std::string lower(key);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  constexpr std::array words{"password", "psk",        "secret", "private-key",  "privatekey",
                             "wep",      "passphrase", "token",  "presharedkey", "preshared"};
  if (std::any_of(words.begin(), words.end(),
                  [&](std::string_view word) { return lower.find(word) != std::string::npos; })) {
    return true;
  }
  // netplan's tunnels; wpasupplicant's keys in interfaces(5).
  return lower == "key" || lower == "keys" || lower == "pin" || lower.starts_with("wpa-") ||
         lower.starts_with("wireless-key");
}

/// Lines "key = value", "key: value" or "key value" whose key names a secret lose the value.
std::string without_secret_lines(std::string_view text) {
  std::string result;
  bool is_first = true;
  // Lines nested deeper than a secret key belong to it.
  std::size_t secret_indent = std::string_view::npos;
  for (bool is_last = false; !is_last;) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    is_last = end == text.size();
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t indent = std::min(line.find_first_not_of(" \t-"), line.size());
    const std::string_view content = line.substr(indent);
    const std::size_t key_end = content.find_first_of(" \t=:{");
    if (secret_indent != std::string_view::npos && (indent > secret_indent || content.empty())) continue;
    secret_indent = std::string_view::npos;
    const bool secret = is_secret_key(content.substr(0, key_end));
    // A flow mapping holds its secrets behind its own key.
    const bool hidden =
        !secret && content.find('{') != std::string_view::npos &&
        (content.find("passw") != std::string_view::npos || content.find("key") != std::string_view::npos ||
         content.find("psk") != std::string_view::npos);
    std::string kept(line);
    if (secret || hidden) {
      secret_indent = indent;
      const std::size_t separator = content.find_first_of("=:");
      const std::string_view key = content.substr(0, separator == std::string_view::npos ? key_end : separator + 1);
      // All of it was secret: nothing is left that a second look would take for the blank end of another secret.
      if (key.empty()) continue;
      kept = std::string(line.substr(0, indent)).append(key);
      if (kept.ends_with(":")) kept += " \"\"";
    }
    if (!is_first) result += '\n';
    is_first = false;
    result.append(kept);
  }
  return result;
}

}  // namespace

std::string without_secrets(const std::string& path, const std::string& content) {
  if (path.starts_with("/proc/") && path.ends_with("/environ")) {
    return kept_variables(content, path == "/proc/1/environ");
  }
  for (const std::string_view directory :
       {"/etc/netplan/", "/lib/netplan/", "/usr/lib/netplan/", "/etc/NetworkManager/", "/usr/lib/NetworkManager/",
        "/etc/systemd/network/", "/run/systemd/network/", "/etc/network/", "/etc/sysconfig/network-scripts/"}) {
    if (path.starts_with(directory)) return without_secret_lines(content);
  }
  return content;
}

}  // namespace rocekit::facts
