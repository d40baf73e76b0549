#include "probes/facts/readers/small_yaml.h"

#include <algorithm>

#include "probes/facts/readers/values.h"

namespace rocekit::facts::readers {
namespace {

constexpr int max_depth = 32;

struct Line {
  std::size_t indent = 0;
  std::string_view text;
};

/// Position behind a quoted string that begins at `start`; npos when it does not end.
std::size_t end_of_quoted(std::string_view text, std::size_t start) {
  const char quote = text[start];
  for (std::size_t i = start + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '\'' && i + 1 < text.size() && text[i + 1] == '\'') {
        ++i;
      } else {
        return i + 1;
      }
    }
  }
  return std::string_view::npos;
}

bool opens_quote(std::string_view text, std::size_t i) {
  // A quote inside a plain scalar (don't) is a character like any other.
  return (text[i] == '"' || text[i] == '\'') &&
         (i == 0 || std::string_view(" \t[{,:").find(text[i - 1]) != std::string_view::npos);
}

std::string_view without_comment(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (opens_quote(text, i)) {
      const std::size_t end = end_of_quoted(text, i);
      if (end == std::string_view::npos) return text;
      i = end - 1;
    } else if (text[i] == '#' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t')) {
      return text.substr(0, i);
    }
  }
  return text;
}

/// Position of the colon that ends a key at the start of `text`; npos when there is none.
std::size_t find_colon(std::string_view text) {
  std::size_t i = 0;
  if (!text.empty() && opens_quote(text, 0)) {
    i = end_of_quoted(text, 0);
    if (i == std::string_view::npos) return i;
  }
  for (; i < text.size(); ++i) {
    if (text[i] == ':' && (i + 1 == text.size() || text[i + 1] == ' ' || text[i + 1] == '\t')) return i;
  }
  return std::string_view::npos;
}

std::optional<std::string> unquote(std::string_view text) {
  text = trim(text);
  if (text.empty() || !opens_quote(text, 0)) return std::string(text);
  if (end_of_quoted(text, 0) != text.size()) return std::nullopt;
  const char quote = text.front();
  std::string plain;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') ++i;
    if (quote == '\'' && text[i] == '\'') ++i;
    plain += text[i];
  }
  return plain;
}

class FlowParser {
 public:
  explicit FlowParser(std::string_view text) : text_(text) {}

  std::optional<Yaml> document() {
    auto value = this->value(0);
    skip_space();
    if (!value || position_ != text_.size()) return std::nullopt;
    return value;
  }

 private:
  std::optional<Yaml> value(int depth) {
    if (depth > max_depth) return std::nullopt;
    skip_space();
    if (position_ < text_.size() && text_[position_] == '[') return sequence(depth);
    if (position_ < text_.size() && text_[position_] == '{') return mapping(depth);
    const auto text = scalar(",]}");
    if (!text) return std::nullopt;
    return Yaml{Yaml::Kind::scalar, *text, {}, {}};
  }

  std::optional<Yaml> sequence(int depth) {
    Yaml list{Yaml::Kind::sequence, {}, {}, {}};
    ++position_;
    for (;;) {
      skip_space();
      if (take(']')) return list;
      auto item = value(depth + 1);
      if (!item) return std::nullopt;
      list.items.push_back(std::move(*item));
      skip_space();
      if (!take(',') && peek() != ']') return std::nullopt;
    }
  }

  std::optional<Yaml> mapping(int depth) {
    Yaml map{Yaml::Kind::mapping, {}, {}, {}};
    ++position_;
    for (;;) {
      skip_space();
      if (take('}')) return map;
      const auto key = scalar(":,}");
      if (!key || key->empty()) return std::nullopt;
      Yaml item;
      if (take(':')) {
        auto given = value(depth + 1);
        if (!given) return std::nullopt;
        item = std::move(*given);
      }
      map.keys.push_back(*key);
      map.items.push_back(std::move(item));
      skip_space();
      if (!take(',') && peek() != '}') return std::nullopt;
    }
  }

  /// Up to one of `ends` outside of quotes; a colon ends a key only before a space.
  std::optional<std::string> scalar(std::string_view ends) {
    const std::size_t start = position_;
    while (position_ < text_.size()) {
      const char c = text_[position_];
      if (opens_quote(text_, position_)) {
        position_ = end_of_quoted(text_, position_);
        if (position_ == std::string_view::npos) {
          position_ = text_.size();
          return std::nullopt;
        }
        continue;
      }
      const bool inner_colon = c == ':' && position_ + 1 < text_.size() && text_[position_ + 1] != ' ';
      if (ends.find(c) != std::string_view::npos && !inner_colon) break;
      ++position_;
    }
    return unquote(text_.substr(start, position_ - start));
  }

  char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
  bool take(char c) {
    if (peek() != c) return false;
    ++position_;
    return true;
  }
  void skip_space() {
    while (peek() == ' ' || peek() == '\t') ++position_;
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

class BlockParser {
 public:
  std::optional<Yaml> document(std::string_view text) {
    if (!split(text)) return std::nullopt;
    if (lines_.empty()) return Yaml{};
    auto value = block(lines_.front().indent, 0);
    if (!value || next_ != lines_.size()) return std::nullopt;
    return value;
  }

 private:
  bool split(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (line.find('\0') != std::string_view::npos) return false;
      const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
      line = without_comment(line.substr(indent));
      if (!trim(line).empty() && line.front() == '\t') return false;
      line = trim(line);
      if (line.empty() || (indent == 0 && (line == "---" || line == "..." || line.front() == '%'))) continue;
      lines_.push_back({indent, line});
    }
    return true;
  }

  static bool is_item(std::string_view text) { return text == "-" || text.substr(0, 2) == "- "; }

  std::optional<Yaml> block(std::size_t indent, int depth) {
    if (depth > max_depth) return std::nullopt;
    return is_item(lines_[next_].text) ? sequence(indent, depth) : mapping(indent, depth);
  }

  std::optional<Yaml> sequence(std::size_t indent, int depth) {
    Yaml list{Yaml::Kind::sequence, {}, {}, {}};
    while (next_ < lines_.size() && lines_[next_].indent == indent && is_item(lines_[next_].text)) {
      Line& line = lines_[next_];
      const std::string_view rest = trim(line.text.substr(1));
      std::optional<Yaml> item;
      if (rest.empty()) {
        ++next_;
        item = nested(indent, depth);
      } else if (is_item(rest) || (find_colon(rest) != std::string_view::npos && rest.front() != '{')) {
        // "- key: value": what follows the dash is a block of its own, indented by its column.
        line.indent += static_cast<std::size_t>(rest.data() - line.text.data());
        line.text = rest;
        item = block(line.indent, depth + 1);
      } else {
        ++next_;
        item = inline_value(rest, indent);
      }
      if (!item) return std::nullopt;
      list.items.push_back(std::move(*item));
    }
    return list;
  }

  std::optional<Yaml> mapping(std::size_t indent, int depth) {
    Yaml map{Yaml::Kind::mapping, {}, {}, {}};
    while (next_ < lines_.size() && lines_[next_].indent == indent && !is_item(lines_[next_].text)) {
      const std::string_view text = lines_[next_].text;
      const std::size_t colon = find_colon(text);
      if (colon == std::string_view::npos) return std::nullopt;
      const auto key = unquote(text.substr(0, colon));
      if (!key || key->empty()) return std::nullopt;
      const std::string_view rest = trim(text.substr(colon + 1));
      ++next_;
      std::optional<Yaml> value;
      if (!rest.empty()) {
        value = inline_value(rest, indent);
      } else if (next_ < lines_.size() && lines_[next_].indent == indent && is_item(lines_[next_].text)) {
        value = sequence(indent, depth + 1);  // a list may stand at its key's own indentation
      } else {
        value = nested(indent, depth);
      }
      if (!value) return std::nullopt;
      map.keys.push_back(*key);
      map.items.push_back(std::move(*value));
    }
    if (next_ < lines_.size() && lines_[next_].indent > indent) return std::nullopt;
    return map;
  }

  std::optional<Yaml> nested(std::size_t indent, int depth) {
    if (next_ == lines_.size() || lines_[next_].indent <= indent) return Yaml{};
    return block(lines_[next_].indent, depth + 1);
  }

  /// A value on its key's line; a bracket may be closed on a later line, a block scalar fills the deeper ones.
  std::optional<Yaml> inline_value(std::string_view text, std::size_t indent) {
    if (text.front() == '|' || text.front() == '>') {
      std::string scalar;
      for (; next_ < lines_.size() && lines_[next_].indent > indent; ++next_) {
        scalar.append(lines_[next_].text).append("\n");
      }
      return Yaml{Yaml::Kind::scalar, scalar, {}, {}};
    }
    if (text.front() == '[' || text.front() == '{') {
      std::string whole(text);
      auto value = FlowParser(whole).document();
      for (int more = 0; !value && more < 64 && next_ < lines_.size() && lines_[next_].indent >= indent; ++more) {
        whole.append(" ").append(lines_[next_++].text);
        value = FlowParser(whole).document();
      }
      return value;
    }
    const auto plain = unquote(text);
    if (!plain) return std::nullopt;
    return Yaml{Yaml::Kind::scalar, *plain, {}, {}};
  }

  std::vector<Line> lines_;
  std::size_t next_ = 0;
};

}  // namespace

const Yaml* Yaml::find(std::string_view key) const {
  for (std::size_t i = keys.size(); i-- > 0;) {
    if (keys[i] == key) return &items[i];
  }
  return nullptr;
}

std::optional<std::string> Yaml::text(std::string_view key) const {
  const Yaml* value = find(key);
  if (value == nullptr || value->kind != Kind::scalar) return std::nullopt;
  return value->scalar;
}

std::optional<Yaml> parse_yaml(std::string_view text) { return BlockParser().document(text); }

}  // namespace rocekit::facts::readers
