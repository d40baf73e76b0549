#include "core/session/session.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "core/session/impl.h"
#include "core/text/utf8.h"

namespace rocekit::session {

namespace {

constexpr std::size_t part_bytes = 256u << 10;
constexpr std::size_t max_sentence_bytes = 2000;
constexpr int max_named = 4;

/// Ranks' own texts are one line each, of limited length.
std::string one_line(std::string_view text) {
  return text::shortened(text::printable(text.substr(0, max_sentence_bytes)), max_sentence_bytes);
}

}  // namespace

std::string time_text(std::chrono::milliseconds time) {
  return time.count() % 1000 == 0 ? fmt::format("{} s", time.count() / 1000) : fmt::format("{} ms", time.count());
}

Session::Impl::Impl(Assembly assembly)
    : rank(assembly.rank),
      peers(std::move(assembly.peers)),
      limits_(assembly.limits),
      under_launcher_(assembly.under_launcher),
      signals_(std::move(assembly.signals)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      children_(std::move(assembly.children)),
      contributions_(peers.size()) {
  if (!wake_) throw std::system_error(errno, std::generic_category(), "eventfd");
  const auto now = Clock::now();
  for (Link& link : assembly.links) {
    lines_.emplace_back(std::move(link));
    lines_.back().reader.set_max_body(max_frame_bytes);
    lines_.back().heard = now;
  }
  last_look_ = now;
  next_beat_ = now;
  watcher_ = std::thread(&Impl::watch, this);
}

Session::Impl::~Impl() {
  if (closed_) return;
  abort("ended early");
  if (under_launcher_ && rank != 0) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(1), [&] { return !lines_[0].stream; });
    lock.unlock();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  stop_watcher();
  lines_.clear();
  children_.end(std::min(limits_.children_end, std::chrono::milliseconds(1'000)));
}

std::string Session::Impl::name_of(int of_rank) const {
  return fmt::format("rank {} ({})", of_rank, peers.at(static_cast<std::size_t>(of_rank)).host);
}

void Session::Impl::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void Session::Impl::post(Line& line, std::shared_ptr<const std::string> bytes) {
  if (!line.stream) return;
  line.outbox.push_back({std::move(bytes), 0});
  wake();
}

void Session::Impl::post_message(const std::vector<Line*>& lines, std::string_view message) {
  do {
    const std::string_view part = message.substr(0, part_bytes);
    message.remove_prefix(part.size());
    const auto bytes =
        std::make_shared<const std::string>(encode_frame(message.empty() ? FrameType::last : FrameType::more, part));
    for (Line* line : lines) post(*line, bytes);
  } while (!message.empty());
}

std::string Session::Impl::where() const {
  if (step_.empty()) return "before the first step";
  return (in_step_ ? "while " : "after ") + step_;
}

void Session::Impl::call_off(Cause cause, const std::string& sentence, int from_rank, int signal) {
  if (over() || (called_off.load(std::memory_order_relaxed) && cause == Cause::attempt)) return;
  attempt_failed_ = cause == Cause::attempt;
  sentence_ = sentence;
  signal_ = signal;
  called_off.store(true, std::memory_order_release);
  changed_.notify_all();
  std::string told = sentence;
  if (signal != 0) told = fmt::format("{} was interrupted by {}", name_of(rank), signal_name(signal));
  const auto bytes = std::make_shared<const std::string>(encode_frame(
      FrameType::called_off, FieldWriter().u8(static_cast<std::uint8_t>(cause)).text(one_line(told)).take()));
  for (Line& line : lines_) {
    // What was to be said is of no use any more; only a frame that has begun must be whole.
    while (!attempt_failed_ && !line.outbox.empty() && line.outbox.back().sent == 0) line.outbox.pop_back();
    if (line.rank != from_rank) post(line, bytes);
  }
  wake();
}

void Session::Impl::throw_called_off() const {
  if (signal_ != 0) throw Interrupted(signal_, sentence_);
  throw SessionError(sentence_);
}

void Session::Impl::throw_if_called_off() const {
  if (!called_off.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(mutex_);
  throw_called_off();
}

void Session::Impl::abort(std::string_view reason) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    call_off(Cause::plain, fmt::format("{}: {}", name_of(rank), one_line(reason)), rank);
  } catch (...) {
    // Out of memory: the streams end with the process, which tells the others too.
    called_off.store(true, std::memory_order_release);
  }
}

std::string Session::Impl::unanswered(std::chrono::milliseconds timeout, std::string_view step) const {
  std::string names;
  int count = 0;
  for (std::size_t of_rank = 0; of_rank < contributions_.size(); ++of_rank) {
    if (contributions_[of_rank]) continue;
    if (++count <= max_named) names += (names.empty() ? "" : ", ") + name_of(static_cast<int>(of_rank));
  }
  if (count == 0) return {};
  if (count > max_named) names += fmt::format(" and {} more", count - max_named);
  return fmt::format("{} did not answer within {} while {}", names, time_text(timeout), step);
}

std::vector<std::string> Session::Impl::exchange(Kind kind, int root, std::string_view mine, std::string_view step,
                                                 std::chrono::milliseconds timeout) {
  if (root < 0 || root >= size()) throw std::logic_error(fmt::format("no rank {} in this session", root));
  if (mine.size() > max_message_bytes) {
    throw std::logic_error(
        fmt::format("{} bytes are more than one step can carry ({})", mine.size(), max_message_bytes));
  }
  if (kind == Kind::barrier || kind == Kind::closing || (kind == Kind::broadcast && rank != root)) mine = {};
  std::unique_lock lock(mutex_);
  if (closed_) throw std::logic_error("the session is closed");
  if (called_off) throw_called_off();
  step_ = one_line(step);
  in_step_ = true;
  std::vector<std::string> gathered;
  if (rank == 0) {
    contributions_[0] = Contribution{kind, root, std::string(mine)};
    gathered = gather_and_give(kind, root, step_, timeout, lock);
  } else {
    const std::string head = FieldWriter()
                                 .u8(static_cast<std::uint8_t>(kind))
                                 .u64(steps_done_ + 1)
                                 .u32(static_cast<std::uint32_t>(root))
                                 .take();
    post_message({&lines_[0]}, head + std::string(mine));
    gathered = give_and_take(step_, timeout, lock);
  }
  in_step_ = false;
  return gathered;
}

std::vector<std::string> Session::Impl::gather_and_give(Kind kind, int root, std::string_view step,
                                                        std::chrono::milliseconds timeout,
                                                        std::unique_lock<std::mutex>& lock) {
  const auto all_here = [&] {
    return std::all_of(contributions_.begin(), contributions_.end(), [](const auto& one) { return one.has_value(); });
  };
  changed_.wait_until(lock, Deadline::after(timeout).at(), [&] { return called_off || all_here(); });
  if (!called_off && !all_here()) call_off(cause_of_failure(), unanswered(timeout, step), rank);
  for (std::size_t other = 1; !called_off && other < contributions_.size(); ++other) {
    if (contributions_[other]->kind != kind || contributions_[other]->root != root) {
      call_off(
          cause_of_failure(),
          fmt::format("{} is at another step than {}, which is {}", name_of(static_cast<int>(other)), name_of(0), step),
          rank);
    }
  }
  if (called_off) throw_called_off();

  std::vector<std::string> gathered;
  if (kind == Kind::allgather) {
    for (auto& one : contributions_) gathered.push_back(std::move(one->bytes));
  } else if (kind == Kind::broadcast) {
    gathered.push_back(std::move(contributions_[static_cast<std::size_t>(root)]->bytes));
  }
  FieldWriter fields;
  fields.u8(static_cast<std::uint8_t>(kind)).u64(++steps_done_).u32(static_cast<std::uint32_t>(gathered.size()));
  for (const std::string& one : gathered) fields.text(one);
  std::vector<Line*> lines;
  for (Line& line : lines_) lines.push_back(&line);
  post_message(lines, fields.take());
  contributions_.assign(peers.size(), std::nullopt);
  if (kind == Kind::closing) ending_ = true;
  return gathered;
}

std::vector<std::string> Session::Impl::give_and_take(std::string_view step, std::chrono::milliseconds timeout,
                                                      std::unique_lock<std::mutex>& lock) {
  const auto done = [&] { return called_off || result_.has_value(); };
  if (!changed_.wait_until(lock, Deadline::after(timeout).at(), done)) {
    // Rank 0 knows who is missing.
    post(lines_[0],
         std::make_shared<const std::string>(encode_frame(
             FrameType::overdue,
             FieldWriter().u64(steps_done_ + 1).u32(static_cast<std::uint32_t>(timeout.count())).text(step).take())));
    if (!changed_.wait_for(lock, limits_.overdue_grace, done)) {
      call_off(cause_of_failure(),
               fmt::format("{} did not answer within {} while {}", name_of(0), time_text(timeout), step), rank);
    }
  }
  if (!result_) throw_called_off();
  FieldReader fields(*result_);
  std::vector<std::string> gathered;
  try {
    fields.u8();
    fields.u64();
    const std::uint32_t count = fields.u32();
    for (std::uint32_t i = 0; i < count && i < peers.size(); ++i) gathered.push_back(fields.text(max_message_bytes));
    fields.end();
  } catch (const ProtocolError& error) {
    call_off(Cause::plain, fmt::format("{} {} while {}", name_of(0), error.what(), step), rank);
    throw_called_off();
  }
  result_.reset();
  ++steps_done_;
  return gathered;
}

void Session::Impl::begin_attempt(std::string_view what, std::chrono::milliseconds limit) {
  const std::lock_guard lock(mutex_);
  if (closed_ || attempting_) throw std::logic_error("an attempt begins in another, or after the session's end");
  // Another rank may have failed already: that stands.
  if (over()) throw_called_off();
  attempting_ = true;
  attempt_ = one_line(what);
  attempt_limit_ = limit;
  attempt_by_ = Clock::now() + limit;
  wake();
}

bool Session::Impl::all_at_end_of_attempt() const {
  return std::all_of(contributions_.begin(), contributions_.end(),
                     [](const auto& one) { return one && one->kind == Kind::attempt; });
}

std::string Session::Impl::end_attempt(std::string_view error, std::chrono::milliseconds grace) {
  std::unique_lock lock(mutex_);
  if (!attempting_) throw std::logic_error("no attempt to end");
  if (over()) throw_called_off();
  if (!error.empty() && !called_off) {
    call_off(Cause::attempt, fmt::format("{}: {}", name_of(rank), one_line(error)), rank);
  }
  const std::string kind(1, static_cast<char>(Kind::attempt));
  const auto patience = [&](std::chrono::milliseconds more) {
    return std::max(attempt_by_, Clock::now()) + grace + more;
  };
  if (rank == 0) {
    contributions_[0] = Contribution{Kind::attempt, 0, {}};
    changed_.wait_until(lock, patience({}), [&] { return over() || all_at_end_of_attempt(); });
    if (!over() && !all_at_end_of_attempt()) {
      for (auto& one : contributions_) {
        if (one && one->kind != Kind::attempt) one.reset();
      }
      call_off(Cause::plain, unanswered(grace, "ending " + attempt_), rank);
    }
    if (over()) throw_called_off();
    const std::string failure = called_off ? sentence_ : std::string();
    std::vector<Line*> lines;
    for (Line& line : lines_) lines.push_back(&line);
    post_message(lines, kind + FieldWriter().u64(steps_done_).text(failure).take());
    contributions_.assign(peers.size(), std::nullopt);
    forget_attempt();
    return failure;
  }
  post_message({&lines_[0]}, kind + FieldWriter().u64(0).u32(0).take());
  const auto ended = [&] { return result_ && result_->front() == kind.front(); };
  changed_.wait_until(lock, patience(grace), [&] { return over() || ended(); });
  if (!over() && !ended()) {
    call_off(Cause::plain,
             fmt::format("{} did not answer within {} while ending {}", name_of(0), time_text(grace), attempt_), rank);
  }
  if (over() && !ended()) throw_called_off();
  FieldReader fields(*result_);
  fields.u8();
  const std::uint64_t steps_done = fields.u64();
  const std::string failure = text::printable(fields.text(max_message_bytes));
  result_.reset();
  // An end of the run that came behind it stands.
  if (over()) return failure;
  steps_done_ = steps_done;
  forget_attempt();
  return failure;
}

void Session::Impl::forget_attempt() {
  attempting_ = attempt_failed_ = in_step_ = false;
  sentence_.clear();
  called_off.store(false, std::memory_order_release);
}

void Session::Impl::stop_watcher() {
  if (!watcher_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    stop_by_ = Clock::now() + std::chrono::milliseconds(300);
    wake();
  }
  watcher_.join();
}

void Session::Impl::close() {
  if (closed_) return;
  exchange(Kind::closing, 0, {}, "waiting for the end of the run", limits_.ending);
  {
    std::unique_lock lock(mutex_);
    // Rank 0 leaves last: a stream closed with bytes unread would take back what was just sent.
    changed_.wait_for(lock, std::chrono::seconds(2), [&] {
      return rank != 0 ||
             std::none_of(lines_.begin(), lines_.end(), [](const Line& line) { return line.stream.has_value(); });
    });
  }
  stop_watcher();
  lines_.clear();
  children_.end(limits_.children_end);
  closed_ = true;
  signals_.reset();
  if (signal_ != 0) throw_called_off();
}

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

int Session::rank() const { return impl_->rank; }
int Session::size() const { return impl_->size(); }
const std::vector<Peer>& Session::peers() const { return impl_->peers; }
std::string Session::name_of(int rank) const { return impl_->name_of(rank); }

std::vector<std::string> Session::allgather(std::string_view mine, std::string_view step,
                                            std::chrono::milliseconds timeout) {
  std::vector<std::string> all = impl_->exchange(Impl::Kind::allgather, 0, mine, step, timeout);
  if (all.size() != impl_->peers.size()) throw std::logic_error("an allgather of another size");
  return all;
}

std::string Session::broadcast(std::string_view value, int root, std::string_view step,
                               std::chrono::milliseconds timeout) {
  std::vector<std::string> one = impl_->exchange(Impl::Kind::broadcast, root, value, step, timeout);
  return one.empty() ? std::string() : std::move(one.front());
}

void Session::barrier(std::string_view step, std::chrono::milliseconds timeout) {
  impl_->exchange(Impl::Kind::barrier, 0, {}, step, timeout);
}

void Session::begin_attempt(std::string_view what, std::chrono::milliseconds limit) {
  impl_->begin_attempt(what, limit);
}
std::string Session::end_attempt(std::string_view error, std::chrono::milliseconds grace) {
  return impl_->end_attempt(error, grace);
}

const std::atomic<bool>& Session::called_off() const { return impl_->called_off; }
void Session::throw_if_called_off() const { impl_->throw_if_called_off(); }
void Session::abort(std::string_view reason) noexcept { impl_->abort(reason); }
void Session::close() { impl_->close(); }

}  // namespace rocekit::session
