// What roce-probe does, one function a command; main turns their exceptions into exit codes.
#pragma once

#include <optional>
#include <string>

#include "core/exit_code.h"
#include "probes/checks/check.h"
#include "probes/facts/node_facts.h"
#include "tools/roce-probe/options.h"

namespace rocekit::probe {

/// Reads a node, judges it, and writes what was asked for; also --diff.
ExitCode report(const Options& options);
ExitCode list_checks(const Options& options);
ExitCode explain(const Options& options);
/// docs/checks: one page a check and an index.
ExitCode write_check_pages(const Options& options);
/// Live rates of RDMA and sockets until the count, the duration, Ctrl-C or the end of the watched process.
ExitCode watch(const Options& options);
/// The settings to serve with, for one consumer.
ExitCode env(const Options& options);

/// The node that --load, --root or nothing names.
facts::NodeFacts node_of(const Options& options);

/// The process that --pid or --container names; nullopt: none. Throws InputError where the container has none.
std::optional<int> process_of(const Options& options);

/// One check by its ID, with or without "ROCE-", in any case. Throws InputError that names the near ones.
const checks::Check& check_named(const std::string& id);

}  // namespace rocekit::probe
