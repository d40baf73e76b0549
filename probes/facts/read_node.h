// The way in: one node read into NodeFacts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "probes/facts/file_tree.h"
#include "probes/facts/kernel_answers.h"
#include "probes/facts/node_facts.h"

namespace rocekit::facts {

/// Which questions to ask of the live kernel; all are cheap but the GPU's (the CUDA driver's start takes seconds on
/// machines with many GPUs).
struct AskOptions {
  bool gpus = true;
  bool topology = true;
  std::optional<int> serving;  ///< another process, by its number here
};

/// Asks this machine's kernel and libraries. Never throws for a question that fails: the answer is a Missing.
KernelAnswers ask_this_node(const AskOptions& options = {});

/// The answers saved beside a tree: facts-extra.json of its root, over that of its base (JSON merge patch).
/// Throws InputError naming the file when it is malformed; when it is absent every answer is Why::not_read.
KernelAnswers load_answers(const FileTree& tree);

/// Joins files and answers. Never throws for what a machine holds: malformed files become Missing facts.
/// `serving`: another process that is read as well (NodeFacts::serving); see require_process().
NodeFacts read_node(const FileTree& tree, const KernelAnswers& answers, std::optional<int> serving = std::nullopt);

/// Throws InputError when there is no such process, or none that could serve: a zombie, a thread of the kernel.
/// Returns its start in clock ticks since the boot, which tells a later process of the same number apart.
std::uint64_t require_process(const FileTree& tree, int pid);

/// Throws InputError when the process is another by now, or gone: a live tree was read meanwhile.
void require_same_process(const std::optional<int>& pid, std::uint64_t start);

/// This node as it is now, and of options.serving what can be read. Throws InputError when there is no such process, or
/// it ended while it was read.
NodeFacts read_this_node(const AskOptions& options = {});

}  // namespace rocekit::facts
