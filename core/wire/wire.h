// How ranks, and the processes of a rank, tell each other structures: each field in turn, numbers in eight bytes, texts
// and lists after their length. All run one version (the session refuses others); lengths are checked all the same.
//
// A structure is told by a function template fields(Archive&, Structure&) in its own namespace, which calls the archive
// with its members; one list of members serves writing and reading.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace rocekit::wire {

class Writer {
 public:
  template <class... T>
  void operator()(const T&... values) {
    (write(values), ...);
  }
  std::string take() { return std::move(bytes_); }

 private:
  void number(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) bytes_.push_back(static_cast<char>(value >> shift & 255));
  }
  void write(const std::string& text) {
    number(text.size());
    bytes_.append(text);
  }
  template <class T>
  void write(const std::vector<T>& list) {
    number(list.size());
    for (const T& item : list) write(item);
  }
  template <class T>
  void write(const std::optional<T>& value) {
    number(value ? 1 : 0);
    if (value) write(*value);
  }
  template <class T>
  void write(const T& value) {
    if constexpr (std::is_enum_v<T> || std::is_integral_v<T>) {
      number(static_cast<std::uint64_t>(value));
    } else if constexpr (std::is_same_v<T, double>) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, &value, sizeof bits);
      number(bits);
    } else {
      fields(*this, const_cast<T&>(value));  // the same list of fields serves reading
    }
  }
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  template <class... T>
  void operator()(T&... values) {
    (read(values), ...);
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::uint64_t number() {
    if (rest_.size() < 8) malformed();
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value |= static_cast<std::uint64_t>(static_cast<unsigned char>(rest_[i])) << (8 * i);
    rest_.remove_prefix(8);
    return value;
  }
  [[noreturn]] static void malformed() { throw std::runtime_error("a message of another rank is malformed"); }
  void read(std::string& text) {
    const std::uint64_t length = number();
    if (length > rest_.size()) malformed();
    text.assign(rest_.substr(0, length));
    rest_.remove_prefix(length);
  }
  template <class T>
  void read(std::vector<T>& list) {
    const std::uint64_t length = number();
    if (length > rest_.size()) malformed();
    list.assign(length, T{});
    for (T& item : list) read(item);
  }
  template <class T>
  void read(std::optional<T>& value) {
    value.reset();
    if (number() != 0) read(value.emplace());
  }
  template <class T>
  void read(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      value = number() != 0;
    } else if constexpr (std::is_enum_v<T> || std::is_integral_v<T>) {
      value = static_cast<T>(number());
    } else if constexpr (std::is_same_v<T, double>) {
      const std::uint64_t bits = number();
      std::memcpy(&value, &bits, sizeof value);
    } else {
      fields(*this, value);
    }
  }
  std::string_view rest_;
};

template <class T>
std::string encode(const T& value) {
  Writer writer;
  writer(value);
  return writer.take();
}

/// Throws std::runtime_error for bytes that no encode<T> wrote.
template <class T>
T decode(std::string_view bytes) {
  Reader reader(bytes);
  T value{};
  reader(value);
  if (!reader.at_end()) throw std::runtime_error("a message of another rank is longer than it should be");
  return value;
}

}  // namespace rocekit::wire
