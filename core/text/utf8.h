// Bytes of unknown origin (files, environment) made fit for JSON and terminals.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rocekit::text {

/// The same text with each byte that is no part of well-formed UTF-8 replaced by U+FFFD.
std::string valid_utf8(std::string_view bytes);

/// As valid_utf8, with control characters (line ends, tabs, escapes) shown as "\n", "\t", "\x1b": no text that was read
/// from a machine can move a cursor or end a line.
std::string printable(std::string_view bytes);

/// Columns of a terminal that well-formed UTF-8 takes, one per code point (no text of ours is wide or combining).
std::size_t columns(std::string_view utf8);

/// At most `max_columns`, cut at a code point and ended with "..." when something was cut.
std::string shortened(std::string_view utf8, std::size_t max_columns);

}  // namespace rocekit::text
