// A side in a process of its own: requests go to it one at a time, and what happens there comes back as if here.
#include <fmt/format.h>

#include <atomic>
#include <utility>

#include "collectives/engine/child_process.h"
#include "collectives/engine/child_side.h"
#include "collectives/engine/fields.h"
#include "collectives/engine/message_stream.h"
#include "core/error.h"

namespace rocekit::collectives {

struct SideQuestion {
  enum class What { address, connect, load, run, log };
  What what = What::address;
  std::uint64_t time_ns = 0;  ///< that the child may take
  std::string body;
};
struct SideAnswer {
  enum class Kind { done, input_error, error };
  Kind kind = Kind::done;
  std::string body;  ///< of errors the sentence
};
struct SideAddressList {
  std::vector<std::string> list;
};
struct ProgramList {
  std::vector<Program> list;
};

template <class Archive>
void fields(Archive& archive, SideQuestion& q) {
  archive(q.what, q.time_ns, q.body);
}
template <class Archive>
void fields(Archive& archive, SideAnswer& a) {
  archive(a.kind, a.body);
}
template <class Archive>
void fields(Archive& archive, SideAddressList& a) {
  archive(a.list);
}
template <class Archive>
void fields(Archive& archive, ProgramList& p) {
  archive(p.list);
}

namespace {

using What = SideQuestion::What;

/// Of questions without a deadline of their own: loading NCCL and starting CUDA, on a slow machine.
constexpr std::chrono::seconds start_time{60};
constexpr std::chrono::seconds log_time{10};
/// The child's own error, which says more, comes before this process stops waiting.
constexpr std::chrono::seconds answer_grace{1};
/// For what lies between two processes of one machine.
constexpr std::chrono::seconds transfer_time{30};

// ---- in the child

std::string answer(Side& side, const SideQuestion& question) {
  const Wait wait{Deadline::after(std::chrono::nanoseconds(question.time_ns))};
  switch (question.what) {
    case What::address:
      return side.address();
    case What::connect:
      return wire::encode(side.connect(wire::decode<SideAddressList>(question.body).list, wait));
    case What::load:
      side.load(wire::decode<ProgramList>(question.body).list, wait);
      return {};
    case What::run:
      return wire::encode(side.run(wire::decode<BlockRequest>(question.body), wait));
    case What::log:
      return side.log();
  }
  throw CollectiveError("a question of an unknown kind");
}

int serve(const SideMaker& make, MessageStream stream) {
  std::unique_ptr<Side> side;
  while (stream.wait_for_message()) {
    const Wait wait{Deadline::after(transfer_time)};
    SideAnswer reply;
    try {
      const auto question = wire::decode<SideQuestion>(stream.receive(wait));
      if (side == nullptr) side = make();
      reply.body = answer(*side, question);
    } catch (const MessageError&) {
      break;
    } catch (const InputError& error) {
      reply = {SideAnswer::Kind::input_error, error.what()};
    } catch (const std::exception& error) {
      reply = {SideAnswer::Kind::error, error.what()};
    }
    try {
      stream.send(wire::encode(reply), Wait{Deadline::after(transfer_time)});
    } catch (const MessageError&) {
      break;
    }
  }
  return 0;
}

// ---- in this process

class ChildSide : public Side {
 public:
  ChildSide(std::string name, const SideMaker& make)
      : name_(std::move(name)),
        process_([&](io::FileDescriptor socket) { return serve(make, MessageStream(std::move(socket))); }),
        stream_(std::make_unique<MessageStream>(process_.take_socket())) {}

  ~ChildSide() override {
    if (broken_) process_.terminate();
    stream_.reset();  // the child's sign to end
  }

  std::string address() override { return ask(What::address, {}, Wait{Deadline::after(start_time)}, "getting ready"); }

  SideDetails connect(const std::vector<std::string>& addresses, const Wait& wait) override {
    return wire::decode<SideDetails>(ask(What::connect, wire::encode(SideAddressList{addresses}), wait, "connecting"));
  }

  void load(const std::vector<Program>& programs, const Wait& wait) override {
    ask(What::load, wire::encode(ProgramList{programs}), wait, "loading programs");
  }

  BlockRecord run(const BlockRequest& block, const Wait& wait) override {
    return wire::decode<BlockRecord>(ask(What::run, wire::encode(block), wait, "measuring"));
  }

  std::string log() override { return ask(What::log, {}, Wait{Deadline::after(log_time)}, "giving its log"); }

  void abort() noexcept override {
    broken_ = true;
    process_.terminate();
  }

 private:
  std::string ask(What what, std::string body, const Wait& wait, const char* doing) {
    if (broken_) throw CollectiveError(fmt::format("the process that measures \"{}\" was given up", name_));
    SideAnswer reply;
    try {
      SideQuestion question{what, static_cast<std::uint64_t>(wait.deadline.left().count()), std::move(body)};
      stream_->send(wire::encode(question), wait);
      const Wait longer{Deadline(wait.deadline.at() + answer_grace), wait.called_off};
      reply = wire::decode<SideAnswer>(stream_->receive(longer));
    } catch (const MessageError& error) {
      broken_ = true;
      throw CollectiveError(fmt::format("the process that measures \"{}\" {} while {}", name_, why(error), doing));
    }
    switch (reply.kind) {
      case SideAnswer::Kind::done:
        return std::move(reply.body);
      case SideAnswer::Kind::input_error:
        throw InputError(reply.body);
      case SideAnswer::Kind::error:
        break;
    }
    throw CollectiveError(reply.body);
  }

  std::string why(const MessageError& error) {
    if (error.cause() != MessageError::Cause::closed) return error.what();
    const std::string end = process_.end(std::chrono::milliseconds(1000));
    return end.empty() ? error.what() : end;
  }

  const std::string name_;
  std::atomic<bool> broken_{false};
  ChildProcess process_;
  std::unique_ptr<MessageStream> stream_;
};

}  // namespace

std::unique_ptr<Side> make_child_side(const std::string& name, const SideMaker& make) {
  return std::make_unique<ChildSide>(name, make);
}

std::unique_ptr<Side> make_child_side(const SideRequest& request) {
  return make_child_side(request.name, [&] { return make_side(request); });
}

}  // namespace rocekit::collectives
