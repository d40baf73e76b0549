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

/// Replaces host names, MAC and IP addresses, GUIDs, GIDs, UUIDs, serial numbers and names of home directories,
/// consistently: equal values stay equal, addresses of one subnet stay in one subnet, link-local and IPv4-mapped GIDs
/// and GUIDs made of a MAC still match their MAC and IPv4. What is masked already stays as it is.
///   MAC           02:00:00:PP:PP:LL     a number for the first five bytes, the last byte kept
///   GUID          0200:00PP:PP..:..LL   of a MAC by the rule above, others 0200:0080:PPPP:PPLL
///   IPv4          the outermost known subnet is replaced, the rest kept: 192.0.2.0/24, 198.51.100.0/24,
///   203.0.113.0/24,
///                 then subnets of 198.18.0.0/15; those larger than /24 become parts of 240.0.0.0/4
///   IPv6          2001:db8:PPPP:PPPP::/64, fe80::/64 kept; the interface identifier as a GUID
///   host name     node-1, home directory /home/user, serial numbers MASKED-1, UUIDs 00000000-0000-4000-8000-...
/// Two nodes masked apart from each other do not match each other.
Snapshot anonymize(const Snapshot& snapshot);

/// A tree that answers from the record in memory; read_node on it gives the same facts as on the recorded machine.
FileTree tree_of(const Snapshot& snapshot);

}  // namespace rocekit::facts
