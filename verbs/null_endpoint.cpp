#include <fmt/format.h>

#include "core/error.h"
#include "verbs/endpoint.h"

namespace rocekit::verbs {
namespace {

class NullEndpoint final : public Endpoint {
 public:
  Transport transport() const override { return Transport::null; }
  std::string description() const override { return "nothing is moved"; }
  std::string address() override { return "null"; }
  void connect(const std::string&, const std::string&, bool, const Wait&) override {}

  void require(const Shape& shape, bool stream) const override {
    if (stream && !is_one_sided_stream(shape.operation)) {
      throw InputError(
          fmt::format("The null transport has no receiver: a stream of it is of write, read or atomic, not {}.",
                      to_string(shape.operation)));
    }
  }

  void begin_latency(const Shape&, bool, const Wait&) override {}
  void ping() override {}
  void pong() override {}

  void begin_stream(const Shape&, bool, bool, const Wait&) override { sent_ = 0; }
  Progress progress(bool may_post) override {
    if (may_post) ++sent_;
    return {sent_, 0};
  }
  std::uint64_t outstanding() const override { return 0; }
  void end_block() override {}

 private:
  std::uint64_t sent_ = 0;
};

}  // namespace

std::unique_ptr<Endpoint> make_null_endpoint() { return std::make_unique<NullEndpoint>(); }

}  // namespace rocekit::verbs
