// What is known of each check, for the terminal and as the pages of docs/checks; all of it comes from the checks
// themselves.
#pragma once

#include <string>
#include <vector>

#include "core/text/style.h"
#include "probes/checks/check.h"

namespace rocekit::report {

/// `roce-probe explain ID`.
std::string explain_text(const checks::Check& check, const text::Style& style, int width);

/// A file of docs/checks.
struct Page {
  std::string file;  ///< "ROCE-MTU-001.md"
  std::string text;
};

/// README.md with the list, then a page a check.
std::vector<Page> check_pages();

}  // namespace rocekit::report
