#include "core/session/reception.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace rocekit::session {

namespace {

constexpr std::size_t max_noise_bytes = 64u << 10;

}  // namespace

void send_all(Stream& stream, std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const Stream::Transfer put = stream.write(bytes);
    bytes.remove_prefix(put.bytes);
    if (put.closed) throw SessionError(fmt::format("its connection broke: {}", std::strerror(put.error)));
    if (bytes.empty()) return;
    if (deadline.passed()) throw SessionError("it reads nothing");
    pollfd poll{stream.out(), POLLOUT, 0};
    ::poll(&poll, 1, deadline.left_ms());
  }
}

Reception::Reception(Hello mine, int size, const Limits& limits, Signals& signals, Children& children)
    : mine_(std::move(mine)), size_(size), limits_(limits), signals_(signals), children_(children) {}

void Reception::expect(int rank, Stream stream, std::string who, bool noisy) {
  guests_.push_back({std::move(stream),
                     FrameReader(max_hello_bytes),
                     rank,
                     std::move(who),
                     true,
                     noisy,
                     {},
                     Deadline::after(std::chrono::hours(1)),
                     std::nullopt,
                     false});
}

int Reception::here() const {
  return static_cast<int>(
      std::count_if(guests_.begin(), guests_.end(), [](const Guest& guest) { return guest.hello.has_value(); }));
}

void Reception::refuse(Guest& guest, const std::string& why) noexcept {
  try {
    send_all(guest.stream,
             encode_frame(FrameType::refuse, FieldWriter().text(why.substr(0, max_hello_bytes - 8)).take()),
             Deadline::after(std::chrono::milliseconds(200)));
  } catch (...) {
    // It sees the end of its stream.
  }
}

void Reception::run(Gate* gate, std::chrono::milliseconds wait, const std::string& what_to_do) {
  try {
    wait_for_ranks(gate, Deadline::after(wait), wait, what_to_do);
    welcome();
  } catch (const Interrupted& interrupted) {
    for (Guest& guest : guests_) {
      if (guest.hello)
        refuse(guest, fmt::format("rank 0 ({}) was interrupted by {}", mine_.host, signal_name(interrupted.signal())));
    }
    throw;
  } catch (const std::exception& error) {
    for (Guest& guest : guests_) {
      if (guest.hello) refuse(guest, error.what());
    }
    throw;
  }
}

void Reception::wait_for_ranks(Gate* gate, Deadline deadline, std::chrono::milliseconds wait,
                               const std::string& what_to_do) {
  Deadline next_beat = Deadline::after(limits_.heartbeat);
  std::vector<pollfd> fds;
  while (here() < size_ - 1) {
    if (deadline.passed()) {
      std::string missing;
      for (const Guest& guest : guests_) {
        if (guest.expected && !guest.hello) missing += (missing.empty() ? "" : ", ") + guest.who;
      }
      throw SessionError(fmt::format("{} of {} other ranks came within {}{}: {}", here(), size_ - 1, time_text(wait),
                                     missing.empty() ? "" : ", not " + missing, what_to_do));
    }
    fds.clear();
    fds.push_back({signals_.fd(), POLLIN, 0});
    if (gate != nullptr) gate->add_to(fds);
    for (const Guest& guest : guests_) fds.push_back({guest.stream.in(), POLLIN, 0});
    for (const int fd : children_.error_fds()) fds.push_back({fd, POLLIN, 0});
    int time_ms = std::min(deadline.left_ms(), next_beat.left_ms());
    if (gate != nullptr) time_ms = std::min(time_ms, gate->next_deadline().left_ms());
    ::poll(fds.data(), fds.size(), time_ms);

    signals_.throw_if_taken("waiting for the other ranks");
    children_.pump();
    if (gate != nullptr) {
      for (Stream& stream : gate->serve()) {
        guests_.push_back({std::move(stream),
                           FrameReader(max_hello_bytes),
                           -1,
                           "a rank",
                           false,
                           false,
                           {},
                           Deadline::after(limits_.handshake),
                           std::nullopt,
                           false});
      }
    }
    for (Guest& guest : guests_) read(guest);
    guests_.remove_if([](const Guest& guest) { return guest.gone || (!guest.hello && guest.hello_by.passed()); });
    if (next_beat.passed()) {
      const std::string beat = encode_frame(FrameType::beat, {});
      for (Guest& guest : guests_) {
        // A few bytes; where they do not fit, its end shows by its silence later.
        if (guest.hello) guest.stream.write(beat);
      }
      next_beat = Deadline::after(limits_.heartbeat);
    }
  }
}

void Reception::lost(Guest& guest, const std::string& why) {
  if (!guest.expected) {
    guest.gone = true;
    return;
  }
  // Ctrl-C reaches all processes of a terminal: where it ended the other rank, it is what ended the run.
  if (const auto signal = signals_.take(std::chrono::milliseconds(50))) {
    throw Interrupted(*signal,
                      fmt::format("interrupted by {} while waiting for the other ranks", signal_name(*signal)));
  }
  const std::string explained = explain_ ? explain_(guest.rank) : std::string();
  if (!explained.empty()) throw SessionError(explained);
  throw SessionError(fmt::format("rank {} ({}) was lost before the session began: {}", guest.rank, guest.who, why));
}

void Reception::read(Guest& guest) {
  char buffer[8192];
  while (!guest.gone) {
    const Stream::Transfer got = guest.stream.read(buffer, sizeof buffer);
    if (got.bytes > 0) {
      try {
        on_bytes(guest, {buffer, got.bytes});
      } catch (const ProtocolError& error) {
        lost(guest, fmt::format("it {}", error.what()));
      }
    }
    if (got.closed) {
      const std::string end = children_.end_of(guest.rank, std::chrono::milliseconds(200));
      lost(guest, end.empty() ? "its connection was closed" : "its process " + end);
    }
    if (got.bytes == 0) return;
  }
}

void Reception::on_bytes(Guest& guest, std::string_view bytes) {
  if (guest.noisy) {
    guest.noise += bytes;
    const std::size_t found = guest.noise.find(noisy_greeting);
    if (found == std::string::npos) {
      if (guest.noise.size() > max_noise_bytes) throw ProtocolError("writes something else to its standard output");
      return;
    }
    guest.noisy = false;
    guest.reader.append(std::string_view(guest.noise).substr(found + noisy_greeting.size()));
  } else {
    guest.reader.append(bytes);
  }
  while (!guest.gone) {
    const auto frame = guest.reader.next();
    if (!frame) return;
    if (frame->type == FrameType::beat && guest.hello) continue;
    if (frame->type != FrameType::hello || guest.hello) throw ProtocolError("sent a message out of turn");
    on_hello(guest, decode_hello(frame->body));
  }
}

void Reception::on_hello(Guest& guest, Hello hello) {
  const std::string different = mismatch(mine_, hello);
  if (!different.empty()) {
    refuse(guest, different);
    throw SessionError(different);
  }
  if (!guest.expected) {
    guest.rank = hello.rank;
    const bool taken = std::any_of(guests_.begin(), guests_.end(), [&](const Guest& other) {
      return &other != &guest && other.hello && other.rank == hello.rank && hello.rank != -1;
    });
    if (taken || here() >= size_ - 1 || hello.rank >= size_ || hello.rank == 0 || hello.rank < -1) {
      refuse(guest, fmt::format("rank 0 ({}) has all its {} ranks", mine_.host, size_));
      guest.gone = true;
      return;
    }
  }
  guest.hello = std::move(hello);
}

std::vector<Peer> Reception::peers() const {
  std::vector<Peer> peers{{0, mine_.host, mine_.pid}};
  for (const Guest& guest : guests_) {
    if (guest.hello) peers.push_back({guest.rank, guest.hello->host, guest.hello->pid});
  }
  return peers;
}

void Reception::welcome() {
  guests_.remove_if([](const Guest& guest) { return !guest.hello; });
  int next = 1;
  for (Guest& guest : guests_) {
    if (guest.rank < 0) guest.rank = next;
    ++next;
  }
  guests_.sort([](const Guest& a, const Guest& b) { return a.rank < b.rank; });
  const std::vector<Peer> all = peers();
  for (Guest& guest : guests_) {
    try {
      send_all(guest.stream, encode_frame(FrameType::welcome, encode_welcome({guest.rank, all})),
               Deadline::after(limits_.silence));
    } catch (const SessionError& error) {
      throw SessionError(fmt::format("rank {} ({}) was lost before the session began: {}", guest.rank,
                                     guest.hello->host, error.what()));
    }
  }
}

std::vector<Link> Reception::take_links() {
  std::vector<Link> links;
  for (Guest& guest : guests_) links.push_back({guest.rank, std::move(guest.stream), std::move(guest.reader)});
  guests_.clear();
  return links;
}

}  // namespace rocekit::session
