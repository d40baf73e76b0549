#include "probes/facts/tree/resolver.h"

#include <cerrno>
#include <vector>

#include "probes/facts/disk_file.h"

namespace rocekit::facts::tree {
namespace {

constexpr int max_links = 40;

/// Components in reverse, so that the next one is at the back.
void push_components(std::vector<std::string>& stack, std::string_view path) {
  while (!path.empty()) {
    const std::size_t slash = path.rfind('/');
    const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
    if (!name.empty() && name != ".") stack.emplace_back(name);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
  }
}

Node error_node(int error_number) { return {Kind::error, {}, missing_reason(error_number)}; }

}  // namespace

Resolved Resolver::resolve(std::string_view path, LastLink last_link) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || slash == 0) return walk({}, path, last_link);

  const std::string_view name = path.substr(slash + 1);
  if (name == "..") return walk({}, path, last_link);
  const std::string directory(path.substr(0, slash));
  auto known = directories_.find(directory);
  if (known == directories_.end()) known = directories_.emplace(directory, resolve(directory, LastLink::follow)).first;
  const Resolved& parent = known->second;
  switch (parent.node.kind) {
    case Kind::directory:
      return walk(parent.path, name, last_link);
    case Kind::file:
    case Kind::special:
      return {parent.path, error_node(ENOTDIR)};
    default:
      return parent;
  }
}

Resolved Resolver::walk(std::string current, std::string_view rest, LastLink last_link) {
  std::vector<std::string> pending;
  push_components(pending, rest);
  int links = 0;
  Node node{Kind::directory, {}, {}};
  while (!pending.empty()) {
    const std::string name = std::move(pending.back());
    pending.pop_back();
    if (name == "..") {
      if (current.size() > process_root_length(current)) current = parent_of(current);
      node = {Kind::directory, {}, {}};
      continue;
    }
    std::string child = current + "/" + name;
    node = source_->look_up(child);
    if (observer_) observer_(child, node);
    switch (node.kind) {
      case Kind::link:
        if (pending.empty() && last_link == LastLink::keep) return {std::move(child), std::move(node)};
        if (++links > max_links) return {std::move(child), error_node(ELOOP)};
        if (!node.target.empty() && node.target.front() == '/') current.resize(process_root_length(current));
        push_components(pending, node.target);
        node = {Kind::directory, {}, {}};
        break;
      case Kind::directory:
        current = std::move(child);
        break;
      case Kind::file:
      case Kind::special:
        if (!pending.empty()) return {std::move(child), error_node(ENOTDIR)};
        return {std::move(child), std::move(node)};
      case Kind::absent:
      case Kind::error:
      case Kind::not_read:
        return {std::move(child), std::move(node)};
    }
  }
  return {std::move(current), std::move(node)};
}

}  // namespace rocekit::facts::tree
