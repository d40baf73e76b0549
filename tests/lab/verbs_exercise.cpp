// Every operation of an endpoint between two ranks, as a lab test asks for it: block by block, verified or not, with
// what was found on stdout. Built with the tests, installed nowhere.
//
//   verbs_exercise [--local | --via HOST] [--transport rc] [--device D] [--ip A] [--ops send,write,...] [--sizes
//   8,65536]
//                  [--waits poll,event] [--verify yes|no] [--qps N] [--window N] [--iterations N] [--stream-ms N]
//                  [--bidirectional yes] [--gid-index N] [--inline N] [--memory host|hugepages] [--seconds N]
//                  [--repeat N]
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/measure/clock.h"
#include "core/measure/samples.h"
#include "core/session/doors.h"
#include "verbs/endpoint.h"
#include "verbs/error.h"
#include "verbs/latency.h"
#include "verbs/stream.h"

namespace {

using namespace rocekit;
using std::chrono::seconds;

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  std::size_t from = 0;
  for (std::size_t to = 0; to <= text.size(); ++to) {
    if (to != text.size() && text[to] != ',') continue;
    if (to > from) words.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return words;
}

class Exercise {
 public:
  Exercise(session::Session& session, std::map<std::string, std::string> arguments)
      : session_(session), arguments_(std::move(arguments)) {}

  void run() {
    for (int i = 0; i < number("repeat", 1); ++i) {
      for (const std::string& wait : split(text("waits", "poll"))) connection(wait);
    }
  }

 private:
  std::string text(const std::string& name, const std::string& otherwise) const {
    const auto found = arguments_.find(name);
    return found == arguments_.end() ? otherwise : found->second;
  }
  int number(const std::string& name, int otherwise) const {
    const auto found = arguments_.find(name);
    return found == arguments_.end() ? otherwise : std::stoi(found->second);
  }
  Wait patience() const { return {Deadline::after(seconds(number("seconds", 60))), &session_.called_off()}; }
  void say(const std::string& line) const {
    if (session_.rank() == 0) {
      std::puts(line.c_str());
      std::fflush(stdout);
    }
  }

  void connection(const std::string& wait_word) {
    const auto sizes = split(text("sizes", "8,4096,65536"));
    verbs::EndpointOptions options;
    options.device = text("device", "rocep1s0f0");
    options.ip = text("ip", "");
    options.queue_pairs = number("qps", 1);
    options.max_window = number("max-window", 128);
    options.max_size_bytes = 1;
    for (const std::string& size : sizes)
      options.max_size_bytes = std::max<std::size_t>(options.max_size_bytes, std::stoul(size));
    options.wait_mode = verbs::wait_mode_from_string(wait_word).value();
    options.memory = verbs::memory_kind_from_string(text("memory", "host")).value();
    if (arguments_.count("gid-index") != 0) options.gid_index = number("gid-index", 0);
    if (arguments_.count("inline") != 0) options.inline_bytes = number("inline", 0);
    const auto transport = verbs::transport_from_string(text("transport", "rc")).value();
    const auto endpoint = verbs::make_endpoint(transport, options);

    const auto addresses = session_.allgather(endpoint->address(), "exchanging addresses");
    const int other = 1 - session_.rank();
    endpoint->connect(addresses[static_cast<std::size_t>(other)], session_.name_of(other), session_.rank() == 0,
                      patience());
    session_.barrier("connecting");
    say(fmt::format("{} {}: {}", text("transport", "rc"), wait_word, endpoint->description()));

    for (const std::string& word : split(text("ops", "send,write,write-imm,read,atomic"))) {
      for (const std::string& size : sizes) {
        verbs::Shape shape;
        shape.operation = verbs::operation_from_string(word).value();
        shape.size_bytes = shape.operation == verbs::Operation::atomic ? 8 : std::stoul(size);
        shape.verify = text("verify", "no") == "yes";
        shape.window = number("window", 128);
        if (number("iterations", 50) != 0 && !(wait_word != "poll" && shape.operation == verbs::Operation::write)) {
          latency(*endpoint, shape);
        }
        if (number("stream-ms", 100) != 0 && transport != verbs::Transport::ud) {
          stream(*endpoint, shape, true, false);
          if (text("bidirectional", "no") == "yes") stream(*endpoint, shape, true, true);
        }
        if (shape.operation == verbs::Operation::atomic) break;
      }
    }
    session_.barrier("taking the connection down");
  }

  void latency(verbs::Endpoint& endpoint, const verbs::Shape& shape) {
    const auto iterations = static_cast<std::size_t>(number("iterations", 50));
    const measure::Clock clock = measure::Clock::monotonic_raw();
    measure::Samples samples(iterations);
    const Wait wait = patience();
    const bool initiator = session_.rank() == 0;
    endpoint.require(shape, false);
    endpoint.begin_latency(shape, initiator, wait);
    session_.barrier("beginning", seconds(60));
    verbs::run_latency_block(endpoint, shape, initiator, iterations, clock, samples);
    endpoint.end_block();
    std::uint64_t total = 0;
    for (const std::uint64_t ticks : samples.ticks()) total += ticks;
    report(endpoint, shape,
           fmt::format("latency {} round trips, mean {:.1f} us", iterations,
                       static_cast<double>(total) / 1000.0 / static_cast<double>(iterations)));
  }

  void stream(verbs::Endpoint& endpoint, const verbs::Shape& shape, bool forward, bool backward) {
    const bool first = session_.rank() == 0;
    const Wait wait = patience();
    verbs::Lane lane;
    lane.endpoint = &endpoint;
    lane.sends = first ? forward : backward;
    lane.receives = first ? backward : forward;
    endpoint.require(shape, true);
    endpoint.begin_stream(shape, lane.sends, lane.receives, wait);
    session_.barrier("beginning", seconds(60));
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    double time = 0;
    {
      verbs::StreamBlock block({lane}, shape, wait);
      block.start(std::chrono::milliseconds(number("stream-ms", 100)));
      const auto mine = block.finish_sending();
      const auto all = session_.allgather(std::to_string(mine.front()), "ending the stream", seconds(60));
      sent = std::stoull(all[0]) + std::stoull(all[1]);
      const auto results = block.finish_receiving({std::stoull(all[static_cast<std::size_t>(1 - session_.rank())])});
      received = results.front().messages_received;
      time = results.front().send_seconds;
    }
    endpoint.end_block();
    const auto arrived = session_.allgather(std::to_string(received), "counting", seconds(60));
    const std::uint64_t all_received = std::stoull(arrived[0]) + std::stoull(arrived[1]);
    const bool lost = !verbs::is_one_sided_stream(shape.operation) && all_received != sent;
    report(endpoint, shape,
           fmt::format("{} {} messages in {:.3f} s{}", forward && backward ? "both-ways" : "stream", sent, time,
                       lost ? fmt::format(", MISSING: {} arrived", all_received) : ""));
    if (lost || sent == 0) failed_ = true;
  }

  void report(const verbs::Endpoint& endpoint, const verbs::Shape& shape, const std::string& what) {
    const auto corrupt =
        session_.allgather(fmt::format("{} {}", endpoint.corrupt_messages(), endpoint.first_corruption()),
                           "comparing content", seconds(60));
    std::string wrong;
    for (const std::string& end : corrupt) {
      if (end[0] == '0') continue;
      wrong += ", CORRUPT: " + end;
      failed_ = true;
    }
    if (endpoint.lost_messages() != 0) wrong += fmt::format(", lost {}", endpoint.lost_messages());
    say(fmt::format("  {:9} {:>8} B {}{}", to_string(shape.operation), shape.size_bytes, what, wrong));
  }

 public:
  bool failed() const { return failed_; }

 private:
  session::Session& session_;
  std::map<std::string, std::string> arguments_;
  bool failed_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  session::DoorOptions doors;
  session::DoorContext context{"verbs_exercise", "test", {}, [](const std::string&) {}};
  std::map<std::string, std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--local") {
      doors.local = true;
    } else if (word == "--via" && i + 1 < argc) {
      doors.via = {"ssh", argv[++i]};
    } else if (word == "--join" && i + 1 < argc) {
      doors.join = argv[++i];
    } else if (word.rfind("--", 0) == 0 && i + 1 < argc) {
      context.arguments.insert(context.arguments.end(), {word, argv[i + 1]});
      arguments[word.substr(2)] = argv[++i];
    }
  }
  try {
    session::Session session = session::open(doors, context);
    try {
      const int rank = session.rank();
      Exercise exercise(session, std::move(arguments));
      exercise.run();
      session.close();
      if (rank == 0) std::puts(exercise.failed() ? "FAILED" : "done");  // another rank's stdout may be the session
      return exercise.failed() ? 1 : 0;
    } catch (const std::exception& error) {
      // An end that fails calls the run off: the others then fail by that, and have nothing to say.
      const bool first = !session.called_off().load();
      session.abort(error.what());
      if (first) {
        std::fprintf(stderr, "error: %s\n", error.what());
      } else {
        try {
          session.throw_if_called_off();
        } catch (const std::exception& cause) {
          std::fprintf(stderr, "called off: %s\n", cause.what());
        }
      }
      return 3;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "session: %s\n", error.what());
    return 3;
  }
}
