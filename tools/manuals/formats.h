// A tool's command line as a man page and as completions of the three shells.
#pragma once

#include <string>

#include "core/cli/command_table.h"

namespace rocekit::manuals {

/// man(7) for section 8. `date` is the page's (2026-01-31).
std::string man_page(const cli::CommandTable& table, const std::string& date);

/// A script to source; it needs nothing of the package bash-completion.
std::string bash_completion(const cli::CommandTable& table);
/// A file of $fpath, named _TOOL.
std::string zsh_completion(const cli::CommandTable& table);
std::string fish_completion(const cli::CommandTable& table);

}  // namespace rocekit::manuals
