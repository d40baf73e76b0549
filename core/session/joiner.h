// The side of a session's beginning of all ranks but 0.
#pragma once

#include <string>
#include <vector>

#include "core/session/address.h"
#include "core/session/hello.h"
#include "core/session/impl.h"

namespace rocekit::session {

/// Connects to the first of the addresses where somebody proves the token; tries again until `wait` has passed.
/// `targets`: what errors call them. Throws SessionError, Interrupted.
Stream knock(const std::vector<SocketAddress>& addresses, const std::string& token, const std::string& target,
             std::chrono::milliseconds wait, const Limits& limits, Signals& signals);

/// Says hello and waits, as long as rank 0 shows signs of life, until all ranks have come.
/// `rank0`: what errors call it ("the process that listens on 192.0.2.1:7000").
Assembly follow(Stream stream, const Hello& mine, const std::string& rank0, const Limits& limits,
                std::unique_ptr<Signals> signals);

}  // namespace rocekit::session
