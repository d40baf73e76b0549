#include <fmt/format.h>

#include <cstdio>
#include <utility>
#include <variant>

#include "core/io/user_files.h"
#include "core/text/utf8.h"
#include "probes/settings/render.h"
#include "tools/roce-probe/commands.h"

namespace rocekit::probe {

ExitCode env(const Options& options) {
  checks::Expectations expect;
  expect.mtu = options.expect_mtu;
  const auto result = settings::serving_settings(node_of(options), options.consumer, expect);
  if (const auto* obstacle = std::get_if<settings::Obstacle>(&result)) {
    fmt::print(stderr, "roce-probe: no settings for {}: {}\n", to_string(options.consumer),
               text::printable(obstacle->sentence));
    return obstacle->unread ? ExitCode::unknown : ExitCode::critical;
  }
  const auto& given = std::get<settings::ServingSettings>(result);
  settings::Layout layout;
  layout.comments = options.comments;
  io::write_standard_output(settings::render(options.consumer, given, layout));
  const checks::Verdict verdict = given.degraded() ? checks::Verdict::degraded : checks::Verdict::ready;
  return report::exit_code_of(verdict, options.fail_on);
}

}  // namespace rocekit::probe
