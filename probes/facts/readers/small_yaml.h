// The part of YAML that network configuration is written in: block and flow mappings and sequences, plain and quoted
// scalars, comments. Anchors, tags and block scalars are kept as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rocekit::facts::readers {

struct Yaml {
  enum class Kind { null, scalar, mapping, sequence };
  Kind kind = Kind::null;
  std::string scalar;
  std::vector<std::string> keys;  ///< of a mapping, in the file's order; of equal keys the later one counts
  std::vector<Yaml> items;        ///< of a sequence, or a mapping's values

  /// nullptr when this is no mapping or has no such key.
  const Yaml* find(std::string_view key) const;
  /// The scalar at a key; nullopt when there is none.
  std::optional<std::string> text(std::string_view key) const;
};

/// nullopt for text that cannot be such a document: tabs as indentation, wrong nesting, an open quote or bracket,
/// more than 32 levels.
std::optional<Yaml> parse_yaml(std::string_view text);

}  // namespace rocekit::facts::readers
