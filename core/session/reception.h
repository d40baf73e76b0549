// Rank 0's side of a session's beginning: who comes, is it the same version, which rank does it get.
#pragma once

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "core/session/gate.h"
#include "core/session/hello.h"
#include "core/session/impl.h"

namespace rocekit::session {

/// Sends all or throws SessionError ("could not be told ..."); looks at the signals meanwhile.
void send_all(Stream& stream, std::string_view bytes, Deadline deadline);

class Reception {
 public:
  /// `size`: ranks of the session, rank 0 included.
  Reception(Hello mine, int size, const Limits& limits, Signals& signals, Children& children);

  /// A rank whose stream is there already. `who`: what errors call it ("spark-2"). `noisy`: a login shell may write
  /// before the rank does (its greeting is searched for).
  void expect(int rank, Stream stream, std::string who, bool noisy);

  /// A sentence of its own for the end of an expected rank's process before it was here; empty: none.
  void explain_end(std::function<std::string(int rank)> explain) { explain_ = std::move(explain); }

  /// Waits until all ranks are here and welcomes them. `gate`: where they come from, if not all are expected; they
  /// choose their rank by Hello::rank, or get one in the order of their coming. `what_to_do` ends the sentence about
  /// those who have not come. Throws SessionError, Interrupted; those who are here are told.
  void run(Gate* gate, std::chrono::milliseconds wait, const std::string& what_to_do);

  std::vector<Peer> peers() const;
  std::vector<Link> take_links();

  /// What a rank that comes through a noisy stream sends first.
  static constexpr std::string_view noisy_greeting = "\nrocekit session 1\n";

 private:
  struct Guest {
    Stream stream;
    FrameReader reader{max_hello_bytes};
    int rank = -1;  ///< known before it came, or by its hello; -1: in the order of coming
    std::string who;
    bool expected = false;
    bool noisy = false;
    std::string noise;
    Deadline hello_by;
    std::optional<Hello> hello;
    bool gone = false;
  };
  void wait_for_ranks(Gate* gate, Deadline deadline, std::chrono::milliseconds wait, const std::string& what_to_do);
  void read(Guest& guest);
  void on_bytes(Guest& guest, std::string_view bytes);
  void on_hello(Guest& guest, Hello hello);
  void lost(Guest& guest, const std::string& why);
  static void refuse(Guest& guest, const std::string& why) noexcept;
  int here() const;
  void welcome();

  const Hello mine_;
  const int size_;
  const Limits limits_;
  Signals& signals_;
  Children& children_;
  std::function<std::string(int rank)> explain_;
  std::list<Guest> guests_;
};

}  // namespace rocekit::session
