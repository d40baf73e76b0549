// What a verified message carries, so that its receiver can tell it from every other: Shape::verify.
//
// With g = 1 + sequence mod 255 and e = sequence / 255, and words of 8 bytes in the host's order:
//   word i = x ^ (x >> 29) ^ (g in each byte),  x = splitmix64(e) + i * 0x9e3779b97f4a7c15
// and the last byte of the message is g alone. So
// - each byte depends on sequence and offset: content that is shifted, repeated or of another message differs;
// - among the 255 messages of one e every single byte differs from the same byte of any other message;
// - the last byte is never 0, differs from that of the message before, and from that of the message that lay in the
// same
//   slot before when the number of slots is a power of two: one can wait for it in memory (pattern_last_byte).
// Arithmetic of plain words: it runs at the order of memory bandwidth on any CPU with vectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace rocekit::verbs {

/// The last byte of message `sequence`, of any size; 1..255.
constexpr std::uint8_t pattern_last_byte(std::uint64_t sequence) {
  return static_cast<std::uint8_t>(1 + sequence % 255);
}

/// Fills `size` bytes (1 or more; any alignment) with the pattern of message `sequence`.
void fill_pattern(void* buffer, std::size_t size, std::uint64_t sequence);

/// The first byte that is wrong.
struct Corruption {
  std::size_t offset = 0;
  std::uint8_t expected = 0;
  std::uint8_t found = 0;
};
std::optional<Corruption> check_pattern(const void* buffer, std::size_t size, std::uint64_t sequence);

/// What an endpoint found in the messages of one block.
class PatternLog {
 public:
  /// Checks message `sequence` and remembers whether it was wrong.
  void check(const void* buffer, std::size_t size, std::uint64_t sequence);
  /// A message that was wrong in another way than by its bytes: "fetch-add 3 returned 5".
  void report(const std::string& sentence);
  void clear();
  std::uint64_t corrupt_messages() const { return corrupt_messages_; }
  /// "message 17 of 4096 B: byte 1024 is 0x00, not 0x5a"; empty when there was none.
  const std::string& first_corruption() const { return first_corruption_; }

 private:
  std::uint64_t corrupt_messages_ = 0;
  std::string first_corruption_;
};

}  // namespace rocekit::verbs
