// What flows through a stream of the session: frames of a fixed header and a body of limited length.
//
// Header, 8 bytes: 'R', protocol version, type, 0, length of the body (little endian). Fields of a body are little
// endian too; a text is its length in 32 bits and its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace rocekit::session {

/// The other end sent what this protocol does not know. The message completes "rank 1 (spark-2) ...".
class ProtocolError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline constexpr std::uint8_t protocol_version = 1;
inline constexpr std::size_t frame_header_bytes = 8;
/// Bodies of what is said before a rank is admitted.
inline constexpr std::size_t max_hello_bytes = 4096;
/// Any body. Longer messages go in several frames.
inline constexpr std::size_t max_frame_bytes = 1u << 20;

enum class FrameType : std::uint8_t {
  hello = 1,       ///< who a rank is
  refuse = 2,      ///< text: why rank 0 does not admit it
  welcome = 3,     ///< its rank and all peers
  beat = 4,        ///< a sign of life, empty
  more = 5,        ///< a part of a message, others follow
  last = 6,        ///< the last part of a message
  called_off = 7,  ///< cause, text: the run is over
  overdue = 8,     ///< a rank's time for a step is up
};

struct Frame {
  FrameType type;
  std::string body;
};

std::string encode_frame(FrameType type, std::string_view body);

/// Takes a stream's bytes as they come and gives its frames.
class FrameReader {
 public:
  explicit FrameReader(std::size_t max_body) : max_body_(max_body) {}
  void set_max_body(std::size_t bytes) { max_body_ = bytes; }

  void append(std::string_view bytes);
  /// The next whole frame. Throws ProtocolError for a header that no peer of this version sends.
  std::optional<Frame> next();

 private:
  std::size_t max_body_;
  std::string buffer_;
  std::size_t begin_ = 0;
};

class FieldWriter {
 public:
  FieldWriter& u8(std::uint8_t value);
  FieldWriter& u32(std::uint32_t value);
  FieldWriter& u64(std::uint64_t value);
  FieldWriter& text(std::string_view value);
  /// Without its length: the rest of the body.
  FieldWriter& rest(std::string_view value);
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Each throws ProtocolError where the body ends too early.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : bytes_(bytes) {}
  std::uint8_t u8();
  std::uint32_t u32();
  std::uint64_t u64();
  /// Throws when longer than `max`.
  std::string text(std::size_t max);
  std::string_view rest();
  /// Throws when anything is left.
  void end() const;

 private:
  std::string_view take(std::size_t count);
  std::string_view bytes_;
};

}  // namespace rocekit::session
