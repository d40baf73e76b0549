#include "core/session/token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>

namespace rocekit::session {

namespace {

constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t token_length = 26;
constexpr std::size_t nonce_bytes = 32;
constexpr std::size_t proof_bytes = 32;
/// The last digit is the version of this exchange.
constexpr std::string_view greeting = "rocekit1";

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (::RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    throw std::runtime_error("OpenSSL has no random numbers (RAND_bytes)");
  }
  return bytes;
}

}  // namespace

std::string make_token() {
  std::string token = random_bytes(token_length);
  for (char& letter : token) letter = alphabet[static_cast<unsigned char>(letter) % alphabet.size()];
  return token;
}

bool is_token(std::string_view text) {
  return text.size() == token_length && text.find_first_not_of(alphabet) == std::string_view::npos;
}

std::string make_nonce() { return random_bytes(nonce_bytes); }

Handshake::Handshake(End end, std::string token, std::string nonce)
    : own_nonce_(std::move(nonce)), token_(std::move(token)), end_(end) {}

std::string Handshake::first() const { return std::string(greeting) + own_nonce_; }

std::size_t Handshake::wanted() const {
  if (state_ != State::under_way) return 0;
  return (other_nonce_.empty() ? greeting.size() + nonce_bytes : proof_bytes) - got_.size();
}

std::string Handshake::proof(End of) const {
  const bool own_first = end_ == End::joiner;
  const std::string text = std::string(greeting) + (of == End::joiner ? "join" : "listen") +
                           (own_first ? own_nonce_ + other_nonce_ : other_nonce_ + own_nonce_);
  std::string digest(proof_bytes, '\0');
  unsigned length = 0;
  if (::HMAC(::EVP_sha256(), token_.data(), static_cast<int>(token_.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(),
             reinterpret_cast<unsigned char*>(digest.data()), &length) == nullptr ||
      length != proof_bytes) {
    throw std::runtime_error("OpenSSL cannot compute HMAC-SHA256");
  }
  return digest;
}

std::string Handshake::take(std::string_view bytes) {
  if (state_ != State::under_way) return {};
  got_ += bytes.substr(0, wanted());
  if (other_nonce_.empty()) {
    const std::size_t seen = std::min(got_.size(), greeting.size());
    if (std::string_view(got_).substr(0, seen) != greeting.substr(0, seen)) {
      state_ = State::rejected;
      return {};
    }
    if (wanted() > 0) return {};
    other_nonce_ = got_.substr(greeting.size());
    got_.clear();
    if (end_ == End::listener) return first();
    // Its own nonce back would be its own proof to be had from it.
    if (other_nonce_ == own_nonce_) {
      state_ = State::rejected;
      return {};
    }
    proved_ = true;
    return proof(End::joiner);
  }
  if (wanted() > 0) return {};
  const std::string expected = proof(end_ == End::listener ? End::joiner : End::listener);
  if (::CRYPTO_memcmp(got_.data(), expected.data(), proof_bytes) != 0) {
    state_ = State::rejected;
    return {};
  }
  state_ = State::accepted;
  return end_ == End::listener ? proof(End::listener) : std::string();
}

}  // namespace rocekit::session
