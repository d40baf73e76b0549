// What strangers and ranks send to a session: frames, bodies, the proof of the token, addresses of the command line.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/session/address.h"
#include "core/session/frame.h"
#include "core/session/hello.h"
#include "core/session/token.h"

namespace {

using namespace rocekit::session;

void require(bool condition) {
  if (!condition) std::abort();
}

/// In pieces of `step` bytes; whatever the pieces, the frames are the same.
std::string frames(std::string_view bytes, std::size_t step) {
  FrameReader reader(max_hello_bytes);
  std::string seen;
  try {
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      reader.append(bytes.substr(at, step));
      while (const auto frame = reader.next()) {
        require(frame->body.size() <= max_hello_bytes);
        seen += encode_frame(frame->type, frame->body);
      }
    }
  } catch (const ProtocolError&) {
    seen += "!";
  }
  return seen;
}

void bodies(std::string_view body) {
  try {
    const Hello hello = decode_hello(body);
    for (const std::string* text : {&hello.tool, &hello.version, &hello.host}) {
      require(std::none_of(text->begin(), text->end(), [](char letter) { return letter >= 0 && letter < 0x20; }));
    }
    mismatch(hello, hello);
  } catch (const ProtocolError&) {
  }
  try {
    const Welcome welcome = decode_welcome(body);
    require(welcome.rank > 0 && welcome.rank < static_cast<int>(welcome.peers.size()));
    require(welcome.peers.size() <= static_cast<std::size_t>(max_ranks));
  } catch (const ProtocolError&) {
  }
}

/// Nobody gets in without the token.
void proofs(std::string_view bytes) {
  for (const Handshake::End end : {Handshake::End::listener, Handshake::End::joiner}) {
    Handshake handshake(end, std::string(26, 'a'), std::string(32, 'n'));
    std::string_view left = bytes;
    while (handshake.state() == Handshake::State::under_way && !left.empty()) {
      const std::size_t count = std::min(left.size(), handshake.wanted());
      require(count > 0);
      require(handshake.take(left.substr(0, count)).size() <= 72);
      left.remove_prefix(count);
    }
    require(handshake.state() != Handshake::State::accepted);
  }
}

void addresses(std::string_view text) {
  try {
    require(parse_join(text).at.port != 0);
  } catch (const rocekit::InputError&) {
  }
  try {
    const HostPort at = parse_listen(text);
    if (at.port != 0 && !at.host.empty() && at.host.find_first_of("[]@") == std::string::npos) {
      const HostPort again = parse_listen(text_of(at));
      require(again.host == at.host && again.port == at.port);
    }
  } catch (const rocekit::InputError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  require(frames(text, std::max<std::size_t>(size, 1)) == frames(text, 3));
  bodies(text);
  proofs(text);
  addresses(text);
  return 0;
}
