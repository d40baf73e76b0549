// Follows symbolic links inside a Source: a link never leads out of the machine it stands in.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "probes/facts/tree/source.h"

namespace rocekit::facts::tree {

enum class LastLink { follow, keep };

/// Where a path leads: the node and its canonical path. For Kind::absent, error and not_read: the component that
/// stopped the walk.
struct Resolved {
  std::string path;
  Node node;
};

class Resolver {
 public:
  /// Called for every link and every node that ends a walk.
  using Observer = std::function<void(const std::string& path, const Node& node)>;

  explicit Resolver(Source& source) : source_(&source) {}

  /// Relative paths are taken from the root. Kind::error with ELOOP after 40 links, as the kernel does.
  Resolved resolve(std::string_view path, LastLink last_link);
  void observe(Observer observer) { observer_ = std::move(observer); }

 private:
  Resolved walk(std::string current, std::string_view rest, LastLink last_link);

  Source* source_;
  Observer observer_;
  /// What directories resolve to, kept: one reading of a machine is one moment of it.
  std::unordered_map<std::string, Resolved> directories_;
};

}  // namespace rocekit::facts::tree
