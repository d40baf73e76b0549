// What a rank and rank 0 tell each other before a session begins.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/session/session.h"

namespace rocekit::session {

inline constexpr int max_ranks = 1024;

struct Hello {
  std::string tool;
  std::string version;
  std::string host;
  int pid = 0;
  int rank = -1;  ///< the rank it has by its launcher; -1: rank 0 gives it one
};

/// This process.
Hello hello_of(const std::string& tool, const std::string& version, int rank = -1);

std::string encode_hello(const Hello& hello);
/// Throws ProtocolError. Texts are made printable: they come from another machine and go to a terminal.
Hello decode_hello(std::string_view body);

/// Why the two cannot run together, naming both; empty when they can.
std::string mismatch(const Hello& rank0, const Hello& other);

struct Welcome {
  int rank = 0;
  std::vector<Peer> peers;
};
std::string encode_welcome(const Welcome& welcome);
Welcome decode_welcome(std::string_view body);

}  // namespace rocekit::session
