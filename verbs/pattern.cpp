#include "verbs/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace rocekit::verbs {
namespace {

constexpr std::uint64_t step = 0x9e3779b97f4a7c15u;  // 2^64 over the golden ratio: any two words differ
constexpr std::size_t word_bytes = sizeof(std::uint64_t);
constexpr std::size_t words_a_block = 128;  // compared at once without branches

// Sebastiano Vigna's splitmix64: neighbouring epochs have nothing in common.
std::uint64_t mixed(std::uint64_t value) {
  value += step;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

class Words {
 public:
  explicit Words(std::uint64_t sequence)
      : base_(mixed(sequence / 255)), every_byte_(pattern_last_byte(sequence) * 0x0101010101010101u) {}
  std::uint64_t operator[](std::size_t index) const {
    const std::uint64_t x = base_ + index * step;
    return x ^ (x >> 29) ^ every_byte_;
  }

 private:
  std::uint64_t base_;
  std::uint64_t every_byte_;
};

// The bytes behind the last whole word that is not also the end of the message.
void fill_tail(unsigned char* bytes, std::size_t size, std::uint64_t word, std::uint64_t sequence) {
  std::memcpy(bytes, &word, size);
  bytes[size - 1] = pattern_last_byte(sequence);
}

}  // namespace

// The last word (1 to 8 bytes of it) ends in the last byte and is handled alone, so that the loops before it see whole
// and equal words.

void fill_pattern(void* buffer, std::size_t size, std::uint64_t sequence) {
  if (size == 0) return;
  auto* const bytes = static_cast<unsigned char*>(buffer);
  const Words words(sequence);
  const std::size_t whole = (size - 1) / word_bytes;
  for (std::size_t i = 0; i < whole; ++i) {
    const std::uint64_t word = words[i];
    std::memcpy(bytes + i * word_bytes, &word, word_bytes);
  }
  fill_tail(bytes + whole * word_bytes, size - whole * word_bytes, words[whole], sequence);
}

std::optional<Corruption> check_pattern(const void* buffer, std::size_t size, std::uint64_t sequence) {
  if (size == 0) return std::nullopt;
  const auto* const bytes = static_cast<const unsigned char*>(buffer);
  const Words words(sequence);
  const std::size_t whole = (size - 1) / word_bytes;
  for (std::size_t first = 0; first < whole; first += words_a_block) {
    const std::size_t end = std::min(whole, first + words_a_block);
    std::uint64_t difference = 0;
    for (std::size_t i = first; i < end; ++i) {
      std::uint64_t found;
      std::memcpy(&found, bytes + i * word_bytes, word_bytes);
      difference |= found ^ words[i];
    }
    if (difference == 0) continue;
    for (std::size_t offset = first * word_bytes;; ++offset) {
      const std::uint64_t word = words[offset / word_bytes];
      unsigned char expected[word_bytes];
      std::memcpy(expected, &word, word_bytes);
      if (bytes[offset] != expected[offset % word_bytes]) {
        return Corruption{offset, expected[offset % word_bytes], bytes[offset]};
      }
    }
  }
  unsigned char expected[word_bytes];
  const std::size_t tail = size - whole * word_bytes;
  fill_tail(expected, tail, words[whole], sequence);
  for (std::size_t i = 0; i < tail; ++i) {
    const std::size_t offset = whole * word_bytes + i;
    if (bytes[offset] != expected[i]) return Corruption{offset, expected[i], bytes[offset]};
  }
  return std::nullopt;
}

void PatternLog::check(const void* buffer, std::size_t size, std::uint64_t sequence) {
  const std::optional<Corruption> corruption = check_pattern(buffer, size, sequence);
  if (!corruption) return;
  if (corrupt_messages_++ == 0) {
    first_corruption_ = fmt::format("message {} of {} B: byte {} is {:#04x}, not {:#04x}", sequence, size,
                                    corruption->offset, corruption->found, corruption->expected);
  }
}

void PatternLog::report(const std::string& sentence) {
  if (corrupt_messages_++ == 0) first_corruption_ = sentence;
}

void PatternLog::clear() {
  corrupt_messages_ = 0;
  first_corruption_.clear();
}

}  // namespace rocekit::verbs
