// A value that was read, or the reason why it was not.
//
// Readers never guess and never drop a failure: whatever could not be read is a Missing with its reason,
// and rules decide what an absent value means for them.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace rocekit::facts {

enum class Why {
  not_read,       ///< nobody asked: the reader was switched off, or the saved document does not hold it
  absent,         ///< the kernel or the file system has no such thing (ENOENT, ENODEV, ENODATA)
  permission,     ///< EACCES or EPERM: root, a capability or a device node is missing
  not_supported,  ///< the driver or kernel knows the question but not the answer (EOPNOTSUPP, EINVAL)
  malformed,      ///< it was read, and it is not what this file or message holds by its definition
  failed,         ///< any other errno, a deadline, or a library that could not be loaded
};

/// "not_read", "absent", ... as used in JSON.
const char* to_string(Why why);
/// Inverse of to_string; nullopt for any other word.
std::optional<Why> why_from_string(std::string_view word);
/// The reason that an errno of open, read, ioctl or netlink stands for.
Why why_from_errno(int error_number);

struct Missing {
  Why why = Why::not_read;
  std::string detail;  ///< what was tried and what came back: "/sys/class/net/eth0/speed: Invalid argument"

  friend bool operator==(const Missing&, const Missing&) = default;
};

/// Missing for a failed system call on `object` (a path, or "ETHTOOL_MSG_FEC_GET enp1s0f0np0").
Missing missing_from_errno(int error_number, std::string_view object);

template <class T>
class Fact {
 public:
  using value_type = T;

  Fact() : state_(Missing{}) {}
  Fact(T value) : state_(std::move(value)) {}            // NOLINT(google-explicit-constructor)
  Fact(Missing missing) : state_(std::move(missing)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return has_value(); }

  /// Precondition of the three: has_value(); throws std::bad_variant_access otherwise.
  const T& value() const { return std::get<T>(state_); }
  T& value() { return std::get<T>(state_); }
  const T& operator*() const { return value(); }
  const T* operator->() const { return &value(); }

  T value_or(T other) const { return has_value() ? value() : std::move(other); }
  /// True when the value was read and equals `other`; a missing value equals nothing.
  bool is(const T& other) const { return has_value() && value() == other; }

  /// Precondition: !has_value().
  const Missing& missing() const { return std::get<Missing>(state_); }

  friend bool operator==(const Fact&, const Fact&) = default;

 private:
  std::variant<T, Missing> state_;
};

/// The same reason for a fact that would have been derived from `source`; precondition: !source.has_value().
template <class T, class U>
Fact<T> missing_as(const Fact<U>& source) {
  return Fact<T>(source.missing());
}

}  // namespace rocekit::facts
