// The one-time token of --listen, and how both ends prove that they know it without sending it.
//
// The joiner sends a greeting and a nonce; the listener a greeting and a nonce; the joiner HMAC-SHA256(token, "join",
// both nonces); the listener, once it has seen that proof, HMAC-SHA256(token, "listen", both nonces). All four have a
// fixed length, and nothing else is read before. What follows is neither encrypted nor signed: the token keeps
// strangers out of a run, it does not hide the run from the network.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rocekit::session {

/// 26 characters of a-z2-7: 130 random bits.
std::string make_token();
bool is_token(std::string_view text);

/// One end of the exchange: give it what was read, send what it says.
class Handshake {
 public:
  enum class End { listener, joiner };
  enum class State { under_way, accepted, rejected };

  /// `nonce`: 32 random bytes, never used before; see make_nonce().
  Handshake(End end, std::string token, std::string nonce);

  State state() const { return state_; }
  /// The most bytes that may be read now: no byte behind the exchange is taken.
  std::size_t wanted() const;
  /// Takes up to wanted() bytes. Returns what is to be sent now.
  std::string take(std::string_view bytes);
  /// What a joiner sends first.
  std::string first() const;
  /// The joiner has sent its proof: an end of the stream from here on means that it was not accepted.
  bool proved() const { return proved_; }

 private:
  std::string proof(End of) const;
  std::string own_nonce_, other_nonce_, token_, got_;
  End end_;
  State state_ = State::under_way;
  bool proved_ = false;
};

std::string make_nonce();

}  // namespace rocekit::session
