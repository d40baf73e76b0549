#include "probes/facts/facts_json.h"
#include "probes/facts/field_kind.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/text/utf8.h"

namespace rocekit::facts {
namespace {

using Json = nlohmann::ordered_json;

// ---- out ----

// ordered_json looks for an equal key at each insertion; keys here are distinct by construction, and netdevs with
// thousands of statistics exist.
void append(Json& object, std::string key, Json value) {
  object.get_ref<Json::object_t&>().emplace_back(std::move(key), std::move(value));
}

template <class T>
Json write(const T& value);

struct ObjectWriter {
  Json& object;
  Json& missing;

  template <class T>
  void operator()(const char* name, const T& field) const {
    if constexpr (std::is_same_v<T, Host>) {
      describe(field, *this);
    } else if constexpr (IsFact<T>::value) {
      if (field) {
        append(object, name, write(field.value()));
        return;
      }
      append(object, name, nullptr);
      Json reason = Json::object();
      append(reason, "why", to_string(field.missing().why));
      if (!field.missing().detail.empty()) append(reason, "detail", text::valid_utf8(field.missing().detail));
      append(missing, name, std::move(reason));
    } else {
      append(object, name, write(field));
    }
  }
};

template <class T>
Json write(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return text::valid_utf8(value);
  } else if constexpr (std::is_arithmetic_v<T>) {
    return value;
  } else if constexpr (std::is_enum_v<T>) {
    return to_string(value);
  } else if constexpr (IsOptional<T>::value) {
    return value ? write(*value) : Json(nullptr);
  } else if constexpr (IsVector<T>::value) {
    Json list = Json::array();
    for (const auto& item : value) list.push_back(write(item));
    return list;
  } else if constexpr (IsMap<T>::value) {
    Json object = Json::object();
    for (const auto& [key, item] : value) append(object, text::valid_utf8(key), write(item));
    return object;
  } else {
    Json object = Json::object();
    Json missing = Json::object();
    describe(value, ObjectWriter{object, missing});
    if (!missing.empty()) append(object, "missing", std::move(missing));
    return object;
  }
}

// ---- in ----

/// Where in the document the reader stands; turned into text only when something is wrong there.
struct Place {
  const Place* parent = nullptr;
  std::string_view key;
  std::size_t index = 0;
  bool in_list = false;

  std::string text() const {
    std::string before = parent != nullptr ? parent->text() : std::string();
    if (in_list) return fmt::format("{}[{}]", before, index);
    if (key.empty()) return before;
    const std::string name = text::shortened(text::valid_utf8(key), 60);
    return before.empty() ? name : fmt::format("{}.{}", before, name);
  }
};

std::string in_words(const Json& json) {
  switch (json.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::boolean:
      return json.get<bool>() ? "true" : "false";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
      return fmt::format("the number {}", json.dump());
    case Json::value_t::binary:
    case Json::value_t::discarded:
      break;
  }
  return "something else";
}

class Reader {
 public:
  /// `lists_required`: an absent list, map or struct is an error; else it stays empty, as suits files written by hand.
  Reader(const std::string& document, bool lists_required) : document_(document), lists_required_(lists_required) {}

  template <class T>
  void read(const Json& json, T& value, const Place& place) const {
    if constexpr (std::is_same_v<T, std::string>) {
      expect(json.is_string(), "a string", json, place);
      value = json.get_ref<const std::string&>();
    } else if constexpr (std::is_same_v<T, bool>) {
      expect(json.is_boolean(), "true or false", json, place);
      value = json.get<bool>();
    } else if constexpr (std::is_integral_v<T>) {
      read_integer(json, value, place);
    } else if constexpr (std::is_floating_point_v<T>) {
      expect(json.is_number(), "a number", json, place);
      value = json.get<T>();
    } else if constexpr (std::is_same_v<T, DeviceKind>) {
      read_word(json, value, device_kind_from_string, place);
    } else if constexpr (std::is_same_v<T, Why>) {
      read_word(json, value, why_from_string, place);
    } else if constexpr (IsOptional<T>::value) {
      if (json.is_null()) {
        value.reset();
      } else {
        read(json, value.emplace(), place);
      }
    } else if constexpr (IsVector<T>::value) {
      expect(json.is_array(), "a list", json, place);
      value.clear();
      for (std::size_t i = 0; i < json.size(); ++i) {
        read(json[i], value.emplace_back(), Place{&place, {}, i, true});
      }
    } else if constexpr (IsMap<T>::value) {
      expect(json.is_object(), "an object", json, place);
      value.clear();
      for (const auto& [key, item] : json.get_ref<const Json::object_t&>()) {
        read(item, value[key], Place{&place, key, 0, false});
      }
    } else {
      expect(json.is_object(), "an object", json, place);
      describe(value, ObjectReader{*this, json, place});
    }
  }

 private:
  struct ObjectReader {
    const Reader& reader;
    const Json& object;
    const Place& object_place;

    template <class T>
    void operator()(const char* name, T& field) const {
      const Place place{&object_place, name, 0, false};
      if constexpr (std::is_same_v<T, Host>) {
        describe(field, *this);
        return;
      } else {
        const auto found = object.find(name);
        const bool absent = found == object.end();
        if constexpr (IsFact<T>::value) {
          if (absent || found->is_null()) {
            field = reader.reason(object, name, place);
          } else {
            typename T::value_type value{};
            reader.read(*found, value, place);
            field = std::move(value);
          }
        } else if constexpr (IsOptional<T>::value) {
          if (absent) {
            field.reset();
          } else {
            reader.read(*found, field, place);
          }
        } else {
          constexpr bool scalar = std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_same_v<T, std::string>;
          if (!absent) {
            reader.read(*found, field, place);
          } else if (scalar || reader.lists_required_) {
            reader.fail(place, "is not there");
          }
        }
      }
    }
  };

  [[noreturn]] void fail(const Place& place, std::string_view what) const {
    const std::string where = place.text();
    throw InputError(where.empty() ? fmt::format("{}: {}", document_, what)
                                   : fmt::format("{}: {}: {}", document_, where, what));
  }

  void expect(bool right, std::string_view wanted, const Json& found, const Place& place) const {
    if (!right) fail(place, fmt::format("expected {}, found {}", wanted, in_words(found)));
  }

  template <class T>
  void read_integer(const Json& json, T& value, const Place& place) const {
    using Limits = std::numeric_limits<T>;
    bool fits = false;
    if (json.is_number_unsigned()) {
      const auto number = json.get<std::uint64_t>();
      fits = number <= static_cast<std::uint64_t>(Limits::max());
      value = static_cast<T>(number);
    } else if (json.is_number_integer()) {
      const auto number = json.get<std::int64_t>();
      if constexpr (std::is_signed_v<T>) fits = number >= Limits::min() && number <= Limits::max();
      value = static_cast<T>(number);
    } else {
      expect(false, "a whole number", json, place);
    }
    if (!fits) {
      fail(place, fmt::format("{} is out of range, expected {} to {}", json.dump(), Limits::min(), Limits::max()));
    }
  }

  template <class T, class FromString>
  void read_word(const Json& json, T& value, FromString from_string, const Place& place) const {
    expect(json.is_string(), "a string", json, place);
    const auto& word = json.get_ref<const std::string&>();
    const auto known = from_string(word);
    if (!known) fail(place, fmt::format("unknown word \"{}\"", text::shortened(word, 60)));
    value = *known;
  }

  Missing reason(const Json& object, const char* name, const Place& place) const {
    const auto reasons = object.find("missing");
    if (reasons == object.end() || reasons->is_null()) return {};
    const Place reasons_place{place.parent, "missing", 0, false};
    expect(reasons->is_object(), "an object", *reasons, reasons_place);
    const auto entry = reasons->find(name);
    if (entry == reasons->end() || entry->is_null()) return {};
    const Place entry_place{&reasons_place, name, 0, false};
    expect(entry->is_object(), "an object", *entry, entry_place);
    Missing missing;
    const auto why = entry->find("why");
    if (why == entry->end()) fail(Place{&entry_place, "why", 0, false}, "is not there");
    read(*why, missing.why, Place{&entry_place, "why", 0, false});
    const auto detail = entry->find("detail");
    if (detail != entry->end()) read(*detail, missing.detail, Place{&entry_place, "detail", 0, false});
    return missing;
  }

  const std::string& document_;
  bool lists_required_;
};

// ---- text ----

/// Builds the document while counting: neither depth nor the number of values is left to the document, and objects of
/// many keys take linear time (ordered_json's own insertion compares each key with all before it).
class BoundedBuilder {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  Json root;
  std::string error;

  bool null() { return add(nullptr) != nullptr; }
  bool boolean(bool value) { return add(value) != nullptr; }
  bool number_integer(number_integer_t value) { return add(value) != nullptr; }
  bool number_unsigned(number_unsigned_t value) { return add(value) != nullptr; }
  bool number_float(number_float_t value, const string_t&) { return add(value) != nullptr; }
  bool string(string_t& value) { return add(std::move(value)) != nullptr; }
  bool binary(binary_t&) { return false; }
  bool key(string_t& name) {
    key_ = std::move(name);
    return true;
  }
  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  template <class Exception>
  bool parse_error(std::size_t, const std::string&, const Exception& exception) {
    error = exception.what();
    return false;
  }

 private:
  Json* add(Json value) {
    if (++values_ > max_json_values) {
      error = fmt::format("holds more than {} values; a node has some thousands", max_json_values);
      return nullptr;
    }
    if (open_.empty()) {
      root = std::move(value);
      return &root;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    auto& members = parent.get_ref<Json::object_t&>();
    members.emplace_back(std::move(key_), std::move(value));
    return &members.back().second;
  }

  bool open(Json container) {
    if (open_.size() >= max_json_depth) {
      error = fmt::format("is nested deeper than {} levels", max_json_depth);
      return false;
    }
    Json* added = add(std::move(container));
    if (added == nullptr) return false;
    // Stays valid while open: its parent gets no further member before it is closed.
    open_.push_back(added);
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::vector<Json*> open_;
  std::string key_;
  std::size_t values_ = 0;
};

/// "[json.exception.parse_error.101] parse error at line 3, column 5: syntax error while parsing value - unexpected end
/// of input; expected ..." -> "line 3, column 5: unexpected end of input".
std::string parse_error_in_words(const std::string& message) {
  std::string_view rest = message;
  if (const auto bracket = rest.find("] "); rest.substr(0, 1) == "[" && bracket != std::string_view::npos) {
    rest.remove_prefix(bracket + 2);
  }
  std::string where;
  if (const auto at = rest.find("at line "); at != std::string_view::npos) {
    const auto colon = rest.find(": ", at);
    if (colon != std::string_view::npos) {
      where = rest.substr(at + 3, colon - at - 3);
      rest.remove_prefix(colon + 2);
    }
  }
  if (const auto dash = rest.find(" - "); rest.substr(0, 12) == "syntax error" && dash != std::string_view::npos) {
    rest.remove_prefix(dash + 3);
  }
  std::string_view last_read;
  if (const auto last = rest.find("; last read: "); last != std::string_view::npos) {
    last_read = rest.substr(last + 2);
    last_read = last_read.substr(0, last_read.find("; expected "));
    rest = rest.substr(0, last);
  } else if (const auto expected = rest.find("; expected "); expected != std::string_view::npos) {
    rest = rest.substr(0, expected);
  }
  std::string words = text::shortened(text::valid_utf8(rest), 100);
  if (!last_read.empty()) words += fmt::format(" ({})", text::shortened(text::valid_utf8(last_read), 60));
  return where.empty() ? words : fmt::format("{}: {}", where, words);
}

}  // namespace

Json to_json(const NodeFacts& node) { return write(node); }
Json to_json(const KernelAnswers& answers) { return write(answers); }

NodeFacts node_from_json(const Json& json, const std::string& document) {
  NodeFacts node;
  Reader(document, true).read(json, node, Place{});
  return node;
}

KernelAnswers answers_from_json(const Json& json, const std::string& document) {
  KernelAnswers answers;
  Reader(document, false).read(json, answers, Place{});
  return answers;
}

Json parse_json(std::string_view json_text, const std::string& document) {
  if (json_text.size() > max_json_bytes) {
    throw InputError(fmt::format("{}: larger than {} MiB, so no document of rocekit", document, max_json_bytes >> 20U));
  }
  if (json_text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    throw InputError(fmt::format("{}: empty, expected a JSON document", document));
  }
  BoundedBuilder builder;
  if (!Json::sax_parse(json_text.begin(), json_text.end(), &builder)) {
    if (builder.error.rfind("[json.exception", 0) == 0) {
      throw InputError(fmt::format("{}: not JSON: {}", document, parse_error_in_words(builder.error)));
    }
    throw InputError(fmt::format("{}: {}", document, builder.error));
  }
  return std::move(builder.root);
}

}  // namespace rocekit::facts
