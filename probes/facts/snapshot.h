// A node as a fixture: the files that were read and the kernel's answers, written as a directory for `--root`.
#pragma once

#include <filesystem>

#include "probes/facts/file_tree.h"
#include "probes/facts/kernel_answers.h"

namespace rocekit::facts {

struct Snapshot {
  FileRecord files;
  KernelAnswers answers;
};

/// Writes a directory that FileTree::open reads back: files, links, and facts-extra.json. Written beside the target and
/// renamed: nothing half-written is left. Throws InputError when the target exists and is not empty, or cannot be
/// written.
void write_snapshot(const Snapshot& snapshot, const std::filesystem::path& directory);

/// Replaces host names, MAC and IP addresses, GUIDs, GIDs and serial numbers, consistently: equal values stay equal,
/// addresses of one subnet stay in one subnet, link-local and IPv4-mapped GIDs still match their MAC and IPv4.
Snapshot anonymize(const Snapshot& snapshot);

/// A tree that answers from the record in memory; read_node on it gives the same facts as on the recorded machine.
FileTree tree_of(const Snapshot& snapshot);

}  // namespace rocekit::facts
