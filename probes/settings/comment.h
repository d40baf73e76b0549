// What all renderers write the same way: comments, quoted words.
#pragma once

#include <string>
#include <string_view>

#include "probes/settings/render.h"

namespace rocekit::settings {

/// Lines "# text", indented, of at most 100 columns; nothing where the layout has no comments.
void add_comment(std::string& out, std::string_view text, const Layout& layout, int indent = 0);
/// A command below a comment, on one line however long it is.
void add_command(std::string& out, std::string_view command, const Layout& layout);
/// The comment of a setting: why, marked where it is a proposal.
void add_why(std::string& out, const Setting& setting, const Layout& layout, int indent = 0);
/// The remarks, one comment each; doubtful ones are marked. Ends the head of a file.
void add_remarks(std::string& out, const ServingSettings& settings, const Layout& layout);

/// In double quotes, valid in YAML and JSON.
std::string yaml_quoted(std::string_view word);
/// In single quotes, for a POSIX shell.
std::string shell_quoted(std::string_view word);

}  // namespace rocekit::settings
