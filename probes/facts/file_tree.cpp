#include "probes/facts/file_tree.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <climits>

#include "probes/facts/disk_file.h"
#include "probes/facts/tree/live_source.h"
#include "probes/facts/tree/record_source.h"
#include "probes/facts/tree/resolver.h"
#include "probes/facts/tree/saved_source.h"

namespace rocekit::facts {
namespace {

using tree::Kind;
using tree::LastLink;
using tree::Node;
using tree::Resolved;

Missing with_path(std::string_view path, const Missing& reason) {
  return {reason.why, fmt::format("{}: {}", path, reason.detail)};
}

/// Why a node has no content; precondition: it is neither a file nor a directory nor a link.
Missing reason_of(const Node& node) {
  switch (node.kind) {
    case Kind::error:
    case Kind::not_read:
      return node.error;
    case Kind::special:
      return {Why::failed, "not a regular file"};
    default:
      return missing_reason(ENOENT);
  }
}

}  // namespace

struct FileTree::State {
  State(std::unique_ptr<tree::Source> from, std::filesystem::path at, bool of_this_machine)
      : source(std::move(from)), resolver(*source), root(std::move(at)), live(of_this_machine) {}

  std::unique_ptr<tree::Source> source;
  tree::Resolver resolver;
  std::filesystem::path root;
  bool live;
  std::vector<std::filesystem::path> layers;
  bool recording = false;
  FileRecord record;

  /// The kernel follows links itself, except when each link must be recorded, and below a process's root, out of which
  /// it would lead.
  bool direct(std::string_view path) const { return live && !recording && tree::process_root_length(path) == 0; }

  void note(const std::string& path, const Node& node) {
    switch (node.kind) {
      case Kind::link:
        record.links[path] = node.target;
        break;
      case Kind::directory:
        record.directories.insert(path);
        break;
      case Kind::file:
      case Kind::special:
        if (record.files.count(path) == 0) record.present.insert(path);
        break;
      case Kind::absent:
        record.errors[path] = missing_reason(ENOENT);
        break;
      case Kind::error:
        record.errors[path] = node.error;
        break;
      case Kind::not_read:
        break;
    }
  }

  template <class T>
  Fact<T> keep(const std::string& path, Fact<T> answer, std::map<std::string, T>& answers) {
    if (!recording) return answer;
    if (answer) {
      answers[path] = answer.value();
      record.present.erase(path);
    } else {
      record.errors[path] = answer.missing();
    }
    return answer;
  }
};

FileTree::FileTree(std::unique_ptr<State> state) : state_(std::move(state)) {}
FileTree::FileTree(FileTree&&) noexcept = default;
FileTree& FileTree::operator=(FileTree&&) noexcept = default;
FileTree::~FileTree() = default;

FileTree FileTree::live() { return FileTree(std::make_unique<State>(std::make_unique<tree::LiveSource>(), "/", true)); }

FileTree FileTree::open(const std::filesystem::path& directory) {
  auto source = std::make_unique<tree::SavedSource>(directory);
  auto layers = source->layers();
  auto state = std::make_unique<State>(std::move(source), directory, false);
  state->layers = std::move(layers);
  return FileTree(std::move(state));
}

FileTree FileTree::from_record(FileRecord record) {
  return FileTree(
      std::make_unique<State>(std::make_unique<tree::RecordSource>(std::move(record)), std::filesystem::path(), false));
}

bool FileTree::is_live() const { return state_->live; }
bool FileTree::is_recording() const { return state_->recording; }
const std::filesystem::path& FileTree::root() const { return state_->root; }
std::vector<std::filesystem::path> FileTree::layers() const { return state_->layers; }

Fact<std::string> FileTree::read(std::string_view path) const {
  Fact<std::string> content;
  if (state_->direct(path)) {
    content = state_->source->read(std::string(path));
  } else {
    const Resolved found = state_->resolver.resolve(path, LastLink::follow);
    if (found.node.kind == Kind::directory) return with_path(path, missing_reason(EISDIR));
    if (found.node.kind != Kind::file) return with_path(path, reason_of(found.node));
    content = state_->source->read(found.path);
    if (content) content = trim_right(std::move(content.value()));
    content = state_->keep(found.path, std::move(content), state_->record.files);
  }
  if (!content) return with_path(path, content.missing());
  return trim_right(std::move(content.value()));
}

Fact<std::vector<std::string>> FileTree::list(std::string_view path) const {
  Fact<std::vector<std::string>> names;
  if (state_->direct(path)) {
    names = state_->source->list(std::string(path));
  } else {
    const Resolved found = state_->resolver.resolve(path, LastLink::follow);
    if (found.node.kind == Kind::file || found.node.kind == Kind::special) {
      return with_path(path, missing_reason(ENOTDIR));
    }
    if (found.node.kind != Kind::directory) return with_path(path, reason_of(found.node));
    names = state_->source->list(found.path);
    names = state_->keep(found.path.empty() ? "/" : found.path, std::move(names), state_->record.listings);
  }
  if (!names) return with_path(path, names.missing());
  return names;
}

Fact<std::string> FileTree::link_target(std::string_view path) const {
  if (state_->direct(path)) {
    const Fact<std::string> target = tree::read_disk_link(std::string(path));
    return target ? target : with_path(path, target.missing());
  }
  const Resolved found = state_->resolver.resolve(path, LastLink::keep);
  if (found.node.kind == Kind::link) return found.node.target;
  const bool other = found.node.kind == Kind::file || found.node.kind == Kind::directory;
  return with_path(path, other ? missing_reason(EINVAL) : reason_of(found.node));
}

Fact<std::string> FileTree::canonical(std::string_view path) const {
  if (state_->direct(path)) {
    if (const Fact<std::string> found = tree::canonical_on_disk(std::string(path)); found) return found;
    // The walk below finds what stands in the way, or the path where there is no procfs.
  }
  const Resolved found = state_->resolver.resolve(path, LastLink::follow);
  switch (found.node.kind) {
    case Kind::directory:
    case Kind::file:
    case Kind::special:
      return found.path.empty() ? "/" : found.path;
    default:
      return with_path(path, reason_of(found.node));
  }
}

bool FileTree::exists(std::string_view path) const {
  if (state_->direct(path)) {
    struct stat status {};
    return ::stat(std::string(path).c_str(), &status) == 0 || why_from_errno(errno) != Why::absent;
  }
  const Resolved found = state_->resolver.resolve(path, LastLink::follow);
  switch (found.node.kind) {
    case Kind::absent:
    case Kind::not_read:
      return false;
    case Kind::error:
      return found.node.error.why != Why::absent;
    default:
      return true;
  }
}

Fact<long long> FileTree::read_integer(std::string_view path) const {
  const Fact<std::string> text = read(path);
  if (!text) return text.missing();
  std::string_view digits = *text;
  int base = 10;
  bool negative = false;
  if (!digits.empty() && digits.front() == '-') {
    negative = true;
    digits.remove_prefix(1);
  }
  if (digits.substr(0, 2) == "0x" || digits.substr(0, 2) == "0X") {
    base = 16;
    digits.remove_prefix(2);
  }
  unsigned long long magnitude = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, magnitude, base);
  constexpr unsigned long long largest = static_cast<unsigned long long>(LLONG_MAX);
  if (error != std::errc() || stop != end || magnitude > largest) {
    return Missing{Why::malformed, fmt::format("{}: not a number: {}", path, describe_bytes(*text))};
  }
  return negative ? -static_cast<long long>(magnitude) : static_cast<long long>(magnitude);
}

void FileTree::start_recording() {
  state_->recording = true;
  state_->record = {};
  // What was resolved before would not be seen again.
  state_->resolver = tree::Resolver(*state_->source);
  state_->resolver.observe(
      [state = state_.get()](const std::string& path, const Node& node) { state->note(path, node); });
}

FileRecord FileTree::record() const { return state_->record; }

}  // namespace rocekit::facts
