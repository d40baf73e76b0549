// The plan and the predictions as people read them.
#pragma once

#include <string>

#include "core/text/style.h"
#include "tools/nccl-pattern/plan.h"

namespace rocekit::pattern {

std::string render_text(const Plan& plan, const text::Style& style, int width);

}  // namespace rocekit::pattern
