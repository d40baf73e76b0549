// The session's background thread.
#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/session/impl.h"
#include "core/text/utf8.h"

namespace rocekit::session {

namespace {

constexpr std::size_t read_bytes = 256u << 10;
/// A line gets this many reads before the others have their turn.
constexpr int reads_a_turn = 16;
constexpr std::size_t max_sentence_field = 8192;
/// Where this process was interrupted together with a peer (Ctrl-C reaches all processes of a terminal), its own
/// signal is what is reported.
constexpr std::chrono::milliseconds own_signal_grace{50};

}  // namespace

void Session::Impl::watch() {
  try {
    watch_until_stopped();
  } catch (const std::exception& error) {
    const std::lock_guard lock(mutex_);
    // The others see the end of their streams.
    for (Line& line : lines_) line.stream.reset();
    call_off(Cause::plain, fmt::format("{}: the session failed {}: {}", name_of(rank), where(), error.what()), rank);
  }
}

void Session::Impl::watch_until_stopped() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  ::pthread_setname_np(::pthread_self(), "session");
  // Where it is allowed: the measured threads may spin on all processors.
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), -10);
  if (under_launcher_) {
    // mpirun binds a rank to one processor, which the measured thread has for itself.
    cpu_set_t processors;
    std::memset(&processors, 0xff, sizeof processors);
    ::sched_setaffinity(0, sizeof processors, &processors);
  }

  read_buffer_.assign(read_bytes, '\0');
  std::vector<pollfd> fds;
  for (;;) {
    int time_ms = 0;
    {
      const std::lock_guard lock(mutex_);
      const auto now = Clock::now();
      if (stop_ && drained(now)) return;
      fds.clear();
      fds.push_back({wake_.get(), POLLIN, 0});
      if (signals_) fds.push_back({signals_->fd(), POLLIN, 0});
      for (const Line& line : lines_) {
        if (!line.stream) continue;
        fds.push_back({line.stream->in(), POLLIN, 0});
        if (!line.outbox.empty()) fds.push_back({line.stream->out(), POLLOUT, 0});
      }
      for (const int fd : children_.error_fds()) fds.push_back({fd, POLLIN, 0});
      time_ms = poll_time_ms(now);
    }
    ::poll(fds.data(), fds.size(), time_ms);

    const std::lock_guard lock(mutex_);
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t taken = ::read(wake_.get(), &count, sizeof count);
    take_own_signal(std::chrono::milliseconds(0));
    for (Line& line : lines_) read(line);
    children_.pump();
    const auto now = Clock::now();
    judge_silence(now);
    if (rank == 0 && attempting_ && !called_off && now >= attempt_by_) {
      call_off(Cause::attempt, fmt::format("{} did not end within {}", attempt_, time_text(attempt_limit_)), rank);
    }
    if (now >= next_beat_) {
      const auto beat = std::make_shared<const std::string>(encode_frame(FrameType::beat, {}));
      for (Line& line : lines_) {
        if (line.outbox.empty()) post(line, beat);
      }
      next_beat_ = now + limits_.heartbeat;
    }
    for (Line& line : lines_) write(line);
  }
}

bool Session::Impl::drained(Clock::time_point now) const {
  return now >= stop_by_ || std::all_of(lines_.begin(), lines_.end(),
                                        [](const Line& line) { return !line.stream || line.outbox.empty(); });
}

int Session::Impl::poll_time_ms(Clock::time_point now) const {
  auto until = next_beat_;
  for (const Line& line : lines_) {
    if (line.stream && !ending_) until = std::min(until, line.heard + limits_.silence);
  }
  if (stop_) until = std::min(until, stop_by_);
  if (rank == 0 && attempting_ && !called_off) until = std::min(until, attempt_by_);
  const auto time = std::chrono::ceil<std::chrono::milliseconds>(until - now);
  return static_cast<int>(std::clamp<long long>(time.count(), 0, 1'000));
}

bool Session::Impl::take_own_signal(std::chrono::milliseconds time) {
  if (!signals_) return false;
  const auto signal = signals_->take(time);
  if (!signal) return false;
  const auto now = Clock::now();
  if (signal_ == 0) {
    signal_at_ = now;
    call_off(Cause::interrupted, fmt::format("interrupted by {} {}", signal_name(*signal), where()), rank, *signal);
  } else if (now - signal_at_ > std::chrono::seconds(1)) {
    // Asked again, and still here: whatever keeps the process is not looking.
    Signals::die_of(*signal);
  }
  return true;
}

void Session::Impl::judge_silence(Clock::time_point now) {
  // Time in which this thread did not run (a stopped process, a paused machine) tells nothing of the others.
  const auto away = now - last_look_ - limits_.heartbeat;
  last_look_ = now;
  for (Line& line : lines_) {
    if (!line.stream) continue;
    if (away > limits_.heartbeat) line.heard = std::min(now, line.heard + away);
    if (now - line.heard < limits_.silence || ending_) continue;
    const int silent = line.rank;
    on_lost(line, fmt::format("no sign of life for {}", time_text(limits_.silence)));
    children_.kill(silent);
  }
}

void Session::Impl::read(Line& line) {
  std::string& buffer = read_buffer_;
  for (int turn = 0; line.stream && turn < reads_a_turn; ++turn) {
    const Stream::Transfer got = line.stream->read(buffer.data(), buffer.size());
    if (got.bytes > 0) {
      line.heard = Clock::now();
      line.reader.append(std::string_view(buffer).substr(0, got.bytes));
    }
    try {
      while (line.stream) {
        auto frame = line.reader.next();
        if (!frame) break;
        on_frame(line, std::move(*frame));
      }
    } catch (const ProtocolError& error) {
      on_lost(line, fmt::format("it {}", error.what()));
      return;
    }
    if (got.closed) {
      std::string why = children_.end_of(line.rank, std::chrono::milliseconds(100));
      if (!why.empty()) {
        why = "its process " + why;
      } else {
        why = got.error != 0 ? fmt::format("its connection broke: {}", std::strerror(got.error))
                             : "its connection was closed";
      }
      on_lost(line, why);
      return;
    }
    if (got.bytes == 0) return;
  }
}

void Session::Impl::write(Line& line) {
  while (line.stream && !line.outbox.empty()) {
    Outgoing& first = line.outbox.front();
    const Stream::Transfer put = line.stream->write(std::string_view(*first.bytes).substr(first.sent));
    // A stream that takes nothing any more is seen at its reading end, behind what its peer said last.
    if (put.closed) line.outbox.clear();
    if (put.bytes == 0) return;
    first.sent += put.bytes;
    if (first.sent == first.bytes->size()) line.outbox.pop_front();
  }
}

void Session::Impl::on_lost(Line& line, const std::string& why) {
  line.stream.reset();
  line.outbox.clear();
  changed_.notify_all();
  if (ending_ || over()) return;
  if (take_own_signal(own_signal_grace)) return;
  call_off(Cause::plain, fmt::format("{} was lost {}: {}", name_of(line.rank), where(), why), line.rank);
}

void Session::Impl::on_frame(Line& line, Frame frame) {
  switch (frame.type) {
    case FrameType::beat:
      return;
    case FrameType::more:
    case FrameType::last: {
      const std::size_t most = (rank == 0 ? 1 : peers.size()) * (max_message_bytes + 64) + 64;
      if (line.message.size() + frame.body.size() > most) throw ProtocolError("sent a message that is too long");
      line.message += frame.body;
      if (frame.type == FrameType::last) on_message(line, std::exchange(line.message, {}));
      return;
    }
    case FrameType::called_off: {
      FieldReader fields(frame.body);
      const auto cause = static_cast<Cause>(fields.u8());
      const std::string sentence = text::printable(fields.text(max_sentence_field));
      fields.end();
      if (ending_ || over() || (cause == Cause::interrupted && take_own_signal(own_signal_grace))) return;
      call_off(cause, sentence, line.rank);
      return;
    }
    case FrameType::overdue:
      if (rank == 0) on_overdue(frame.body);
      return;
    case FrameType::hello:
    case FrameType::refuse:
    case FrameType::welcome:
      throw ProtocolError("sent a message out of turn");
  }
}

void Session::Impl::on_message(Line& line, std::string message) {
  FieldReader fields(message);
  const auto kind = static_cast<Kind>(fields.u8());
  const std::uint64_t step = fields.u64();
  // What a rank said in an attempt that failed, before it heard of that, is of no use any more.
  const bool of_attempt = kind == Kind::attempt;
  if (rank != 0) {
    if (!of_attempt && !attempt_failed_ && (step != steps_done_ + 1 || result_)) {
      throw ProtocolError("sent a message out of turn");
    }
    result_ = std::move(message);
    if (kind == Kind::closing) ending_ = true;
  } else {
    Contribution contribution;
    contribution.kind = kind;
    contribution.root = static_cast<int>(fields.u32());
    contribution.bytes = std::string(fields.rest());
    auto& slot = contributions_[static_cast<std::size_t>(line.rank)];
    if (!of_attempt && !attempt_failed_ && (step != steps_done_ + 1 || slot)) {
      throw ProtocolError("sent a message out of turn");
    }
    slot = std::move(contribution);
  }
  changed_.notify_all();
}

void Session::Impl::on_overdue(std::string_view body) {
  FieldReader fields(body);
  const std::uint64_t step = fields.u64();
  const std::chrono::milliseconds timeout(fields.u32());
  const std::string doing = text::printable(fields.text(max_sentence_field));
  fields.end();
  if (step != steps_done_ + 1) return;
  const std::string sentence = unanswered(timeout, doing);
  if (!sentence.empty()) call_off(cause_of_failure(), sentence, rank);
}

}  // namespace rocekit::session
