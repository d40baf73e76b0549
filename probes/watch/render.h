// Rates as people and programs read them.
#pragma once

#include <string>

#include "core/text/style.h"
#include "probes/watch/traffic.h"

namespace rocekit::watch {

/// A table of ports and interfaces and the sentence below it, for a terminal that is redrawn: lines of at most `width`
/// columns. Interfaces outside the fabric are left out while idle.
std::string render_table(const Rates& rates, const text::Style& style, int width);

/// One line: the sentence, and what was lost.
std::string render_line(const Rates& rates);

/// The rocekit/watch document on one line (docs/schema/watch.schema.json). `at`: UTC; `summary`: of the whole run.
std::string render_json_line(const Rates& rates, const std::string& at, bool summary);

}  // namespace rocekit::watch
