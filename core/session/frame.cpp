#include "core/session/frame.h"

#include <fmt/format.h>

namespace rocekit::session {

namespace {

constexpr char frame_mark = 'R';

template <class Integer>
void put(std::string& bytes, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i) bytes.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
}

template <class Integer>
Integer get(std::string_view bytes) {
  Integer value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    value = static_cast<Integer>(value | static_cast<Integer>(static_cast<unsigned char>(bytes[i])) << (8 * i));
  }
  return value;
}

}  // namespace

std::string encode_frame(FrameType type, std::string_view body) {
  if (body.size() > max_frame_bytes) throw std::logic_error("a frame longer than max_frame_bytes");
  std::string bytes;
  bytes.reserve(frame_header_bytes + body.size());
  bytes.push_back(frame_mark);
  bytes.push_back(static_cast<char>(protocol_version));
  bytes.push_back(static_cast<char>(type));
  bytes.push_back(0);
  put(bytes, static_cast<std::uint32_t>(body.size()));
  bytes.append(body);
  return bytes;
}

void FrameReader::append(std::string_view bytes) {
  if (begin_ == buffer_.size()) {
    buffer_.clear();
    begin_ = 0;
  } else if (begin_ > max_frame_bytes) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  buffer_.append(bytes);
}

std::optional<Frame> FrameReader::next() {
  const std::string_view here = std::string_view(buffer_).substr(begin_);
  if (here.empty()) return std::nullopt;
  if (here[0] != frame_mark) throw ProtocolError("sent something that is no message of these tools");
  if (here.size() < frame_header_bytes) return std::nullopt;
  if (static_cast<std::uint8_t>(here[1]) != protocol_version) {
    throw ProtocolError(
        fmt::format("speaks version {} of the session's protocol, not {}: install the same version on all nodes",
                    static_cast<std::uint8_t>(here[1]), protocol_version));
  }
  const auto type = static_cast<std::uint8_t>(here[2]);
  if (type < static_cast<std::uint8_t>(FrameType::hello) || type > static_cast<std::uint8_t>(FrameType::overdue) ||
      here[3] != 0) {
    throw ProtocolError("sent a message of unknown type");
  }
  const std::size_t length = get<std::uint32_t>(here.substr(4));
  if (length > max_body_)
    throw ProtocolError(fmt::format("announced a message of {} bytes, more than are allowed", length));
  if (here.size() < frame_header_bytes + length) return std::nullopt;
  begin_ += frame_header_bytes + length;
  return Frame{static_cast<FrameType>(type), std::string(here.substr(frame_header_bytes, length))};
}

FieldWriter& FieldWriter::u8(std::uint8_t value) {
  put(bytes_, value);
  return *this;
}

FieldWriter& FieldWriter::u32(std::uint32_t value) {
  put(bytes_, value);
  return *this;
}

FieldWriter& FieldWriter::u64(std::uint64_t value) {
  put(bytes_, value);
  return *this;
}

FieldWriter& FieldWriter::text(std::string_view value) {
  put(bytes_, static_cast<std::uint32_t>(value.size()));
  return rest(value);
}

FieldWriter& FieldWriter::rest(std::string_view value) {
  bytes_.append(value);
  return *this;
}

std::string_view FieldReader::take(std::size_t count) {
  if (count > bytes_.size()) throw ProtocolError("sent a message that is cut short");
  const std::string_view taken = bytes_.substr(0, count);
  bytes_.remove_prefix(count);
  return taken;
}

std::uint8_t FieldReader::u8() { return get<std::uint8_t>(take(1)); }
std::uint32_t FieldReader::u32() { return get<std::uint32_t>(take(4)); }
std::uint64_t FieldReader::u64() { return get<std::uint64_t>(take(8)); }

std::string FieldReader::text(std::size_t max) {
  const std::size_t length = u32();
  if (length > max) throw ProtocolError(fmt::format("sent a text of {} bytes, more than are allowed", length));
  return std::string(take(length));
}

std::string_view FieldReader::rest() { return take(bytes_.size()); }

void FieldReader::end() const {
  if (!bytes_.empty()) throw ProtocolError("sent a message with something behind its end");
}

}  // namespace rocekit::session
