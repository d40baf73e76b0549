// Every collective operation on host memory between ranks, as a lab test asks for it, with its content verified and
// what was found on stdout. Built with the tests, installed nowhere.
//
//   collectives_exercise [--local | --via HOST] [--transport rc|tcp] [--devices D1,D2] [--ips A1,A2] [--sizes 8,65536]
//                        [--iterations N] [--vanish yes] [--unlike yes --other-size N] [--seconds N]
//
// --devices, --ips: the rails. --vanish: rank 1 breaks its connections instead of taking part; --unlike: it takes part
// in an all-reduce of another size. What each rank then says is printed.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "collectives/host/host_communicator.h"
#include "collectives/host/host_device.h"
#include "core/session/doors.h"

namespace {

using namespace rocekit;
using namespace rocekit::collectives;
using std::chrono::seconds;
using traffic::OpKind;

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  std::size_t from = 0;
  for (std::size_t to = 0; to <= text.size(); ++to) {
    if (to != text.size() && text[to] != ',') continue;
    words.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return words;
}

class Exercise {
 public:
  Exercise(session::Session& session, std::map<std::string, std::string> arguments)
      : session_(session), arguments_(std::move(arguments)), ranks_(session.size()), device_(make_host_device()) {}

  void run() {
    connect();
    if (text("vanish", "no") == "yes" || text("unlike", "no") == "yes") return fault();
    for (const std::string& size : split(text("sizes", "8,4096,65536,1048576"))) {
      for (const Call& call : calls(std::stoull(size))) perform(call);
    }
    session_.barrier("ending", seconds(60));
  }
  bool failed() const { return failed_; }

 private:
  std::string text(const std::string& name, const std::string& otherwise) const {
    const auto found = arguments_.find(name);
    return found == arguments_.end() ? otherwise : found->second;
  }
  Wait patience() const { return {Deadline::after(seconds(std::stoi(text("seconds", "60")))), &session_.called_off()}; }
  void say(const std::string& line) const {
    if (session_.rank() != 0) return;
    std::puts(line.c_str());
    std::fflush(stdout);
  }

  void connect() {
    Membership membership{session_.rank(), {}};
    std::vector<verbs::EndpointOptions> rails;
    const auto devices = split(text("devices", "rocep1s0f0"));
    const auto ips = split(text("ips", ""));
    for (std::size_t i = 0; i < devices.size(); ++i) {
      verbs::EndpointOptions rail;
      rail.device = devices[i];
      if (i < ips.size()) rail.ip = ips[i];
      rails.push_back(rail);
    }
    std::vector<HostPeer> peers;
    for (int rank = 0; rank < ranks_; ++rank) {
      membership.names.push_back(session_.name_of(rank));
      if (rank != session_.rank()) peers.push_back({rank, rails});
    }
    const auto transport = verbs::transport_from_string(text("transport", "rc")).value();
    communicator_ = make_host_communicator(*device_, transport, membership, peers);
    communicator_->connect(session_.allgather(communicator_->address(), "exchanging addresses"), patience());
    session_.barrier("connecting", seconds(60));
    say(communicator_->description());
  }

  std::vector<Call> calls(std::uint64_t bytes) const {
    std::vector<Call> all;
    const auto n = static_cast<std::uint64_t>(ranks_);
    const auto add = [&](OpKind kind, std::uint64_t elements) -> Call& {
      Call call;
      call.kind = kind;
      call.elements = elements;
      return all.emplace_back(call);
    };
    const std::uint64_t elements = std::max<std::uint64_t>(bytes / 2, 1);
    add(OpKind::all_reduce, elements);
    add(OpKind::all_gather, elements);
    add(OpKind::reduce_scatter, (elements + n - 1) / n * n);
    add(OpKind::all_to_all, (elements + n - 1) / n * n);
    add(OpKind::broadcast, elements).from = 1;
    for (const SendRecvForm form :
         {SendRecvForm::one_way, SendRecvForm::ping_pong, SendRecvForm::ring, SendRecvForm::bidirectional})
      add(OpKind::send_recv, elements).form = form;
    Call& uneven = add(OpKind::all_to_all_v, 0);
    uneven.type = traffic::DataType::bytes;
    uneven.pairs.ranks = static_cast<std::size_t>(ranks_);
    for (std::uint64_t pair = 0; pair < n * n; ++pair) uneven.pairs.bytes.push_back(bytes / (pair + 1));
    return all;
  }

  void reserve(const Call& call) {
    device_->reserve(send_bytes(call, session_.rank(), ranks_), receive_bytes(call, session_.rank(), ranks_));
  }

  void perform(const Call& call) {
    const int rank = session_.rank();
    const int iterations = std::stoi(text("iterations", "10"));
    const Wait wait = patience();
    reserve(call);
    Mismatch mismatch;
    std::chrono::nanoseconds time{0};
    for (int i = 0; i < iterations; ++i) {
      const auto seed = static_cast<std::uint32_t>(i);
      device_->fill(0, send_bytes(call, rank, ranks_) / size_of(call.type), call.type, rank, seed);
      device_->clear_receive();
      session_.barrier("beginning", seconds(60));
      const auto start = std::chrono::steady_clock::now();
      communicator_->enqueue({&call, 1}, wait);
      time += std::chrono::steady_clock::now() - start;
      const Mismatch found = device_->check(expected(call, rank, ranks_), call.type, ranks_, seed, wait);
      if (mismatch.elements == 0) mismatch = found;
    }
    const auto all = session_.allgather(
        mismatch.elements == 0
            ? std::string()
            : fmt::format(", WRONG on rank {}: {} elements, the {}th is {} and should be {}", rank, mismatch.elements,
                          mismatch.first_element, mismatch.found, mismatch.expected),
        "comparing content", seconds(60));
    std::string wrong;
    for (const std::string& end : all) wrong += end;
    failed_ = failed_ || !wrong.empty();
    say(fmt::format("  {:14} {:>8} B mean {:.1f} us{}", to_string(call.kind), send_bytes(call, 0, ranks_),
                    std::chrono::duration<double, std::micro>(time).count() / iterations, wrong));
  }

  void fault() {
    const bool culprit = session_.rank() == 1;
    Call call;
    call.elements = std::stoull(text("sizes", "1048576")) / 2;
    const std::uint64_t other_elements = std::stoull(text("other-size", "8")) / 2;
    const std::uint64_t most = 2 * std::max(call.elements, other_elements);
    device_->reserve(most, most);
    std::string found;
    if (culprit && text("vanish", "no") == "yes") {
      communicator_.reset();
    } else {
      if (culprit) call.elements = other_elements;
      try {
        communicator_->enqueue({&call, 1}, patience());
        found = "no error";
      } catch (const std::exception& error) {
        found = error.what();
      }
    }
    const auto all = session_.allgather(found, "telling what was found", seconds(60));
    for (const std::string& end : all) say("found: " + end);
  }

  session::Session& session_;
  std::map<std::string, std::string> arguments_;
  int ranks_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<Communicator> communicator_;
  bool failed_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  session::DoorOptions doors;
  session::DoorContext context{"collectives_exercise", "test", {}, [](const std::string&) {}};
  std::map<std::string, std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--local") {
      doors.local = true;
    } else if (word == "--ranks" && i + 1 < argc) {
      doors.ranks = std::stoi(argv[++i]);
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
      const bool first = !session.called_off().load();
      session.abort(error.what());
      if (first) std::fprintf(stderr, "error: %s\n", error.what());
      return 3;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "session: %s\n", error.what());
    return 3;
  }
}
