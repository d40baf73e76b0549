// Every fact of a node is taken away, one at a time: no rule crashes, none invents a fault, and none of the essential
// ones lets a broken node pass as ready.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <type_traits>
#include <vector>

#include "tests/unit/checks/sample_node.h"

namespace rocekit::checks {
namespace {

using facts::Fact;
using facts::Missing;
using facts::NodeFacts;
using facts::Why;

struct AnyVisitor {
  template <class Field>
  void operator()(const char* name, Field& field);
};
template <class T>
concept Described = requires(T& item, AnyVisitor visitor) {
  describe(item, visitor);
};

/// Walks all facts of a node in a fixed order and takes away the one with the number `target`.
class FactRemover {
 public:
  FactRemover(int target, Why why) : target_(target), why_(why) {}

  template <class Field>
  void operator()(const char* name, Field& field) {
    const std::size_t length = path_.size();
    path_.append(path_.empty() ? "" : ".").append(name);
    walk(field);
    path_.resize(length);
  }

  int count() const { return count_; }
  const std::string& removed() const { return removed_; }

 private:
  template <class T>
  void walk(Fact<T>& fact) {
    if (!fact.has_value()) return;
    if (count_++ == target_) {
      removed_ = path_;
      fact = Missing{why_, "taken away by the test"};
      return;
    }
    walk(fact.value());
  }
  template <class T>
  void walk(std::vector<T>& list) {
    if constexpr (Described<T>) {
      for (std::size_t i = 0; i < list.size(); ++i) {
        const std::size_t length = path_.size();
        path_.append("[").append(std::to_string(i)).append("]");
        walk(list[i]);
        path_.resize(length);
      }
    }
  }
  template <class T>
  void walk(T& item) {
    if constexpr (Described<T>) describe(item, *this);
  }

  int target_;
  Why why_;
  int count_ = 0;
  std::string path_;
  std::string removed_;
};

int count_facts(NodeFacts node) {
  FactRemover counter(-1, Why::not_read);
  describe(node, counter);
  return counter.count();
}

/// Calls `look` with every node that lacks one fact of `node`, and the fact's name.
void without_each_fact(const NodeFacts& node, Why why,
                       const std::function<void(const NodeFacts&, const std::string&)>& look) {
  const int facts = count_facts(node);
  ASSERT_GT(facts, 100);
  for (int i = 0; i < facts; ++i) {
    NodeFacts lacking = node;
    FactRemover remover(i, why);
    describe(lacking, remover);
    ASSERT_FALSE(remover.removed().empty());
    look(lacking, remover.removed());
  }
}

struct Sample {
  const char* name;
  NodeFacts node;
  Expectations expect = {};
  friend void PrintTo(const Sample& item, std::ostream* out) { *out << item.name; }
};

/// Each broken in what one essential check judges.
std::vector<Sample> broken_nodes() {
  std::vector<Sample> samples;
  const auto add = [&](const char* name, NodeFacts node, const std::function<void(NodeFacts&)>& break_it,
                       Expectations expect = {}) {
    break_it(node);
    samples.push_back({name, std::move(node), expect});
  };
  add("no_device", sample::gb10(), [](NodeFacts& node) { node.devices.clear(); });
  add("no_provider", sample::soft_roce(),
      [](NodeFacts& node) { node.host.verbs_providers = std::vector<std::string>{"mlx5"}; });
  add("function_vanished", sample::gb10(), [](NodeFacts& node) { node.devices.pop_back(); });
  add("no_link", sample::gb10(), [](NodeFacts& node) {
    sample::take_down(node, "rocep1s0f0");
    sample::take_down(node, "roceP2p1s0f0");
  });
  add("twin_down", sample::gb10(), [](NodeFacts& node) { sample::take_down(node, "roceP2p1s0f0"); });
  add("mtu_below_the_demanded", sample::soft_roce(),
      [](NodeFacts& node) { sample::netdev(node, "enp1s0f0np0").mtu = 1500; }, {9000, {}});
  add("twin_without_ipv4", sample::gb10(), [](NodeFacts& node) { sample::remove_ipv4(node, "roceP2p1s0f0"); });
  add("uverbs_denied", sample::gb10(), [](NodeFacts& node) {
    for (facts::Device& device : node.devices) {
      device.uverbs.value().openable = Missing{Why::permission, "Operation not permitted"};
    }
  });
  add("memlock_8_mib", sample::gb10(), [](NodeFacts& node) {
    node.process.memlock = facts::Memlock{8U << 20, 8U << 20};
  });
  add("no_roce_v2_gid", sample::gb10(), [](NodeFacts& node) {
    for (const char* device : {"rocep1s0f0", "roceP2p1s0f0"}) sample::port(node, device).gids.resize(2);
  });
  return samples;
}

class BrokenNode : public ::testing::TestWithParam<Sample> {};

TEST_P(BrokenNode, NeverPassesAsReadyWhateverFactIsMissing) {
  const Sample& broken = GetParam();
  ASSERT_EQ(judge(sample::run_all(broken.node, broken.expect)), Verdict::not_ready)
      << sample::text_of(sample::run_all(broken.node, broken.expect));
  without_each_fact(broken.node, Why::not_read, [&](const NodeFacts& node, const std::string& removed) {
    EXPECT_NE(judge(sample::run_all(node, broken.expect)), Verdict::ready) << "without " << removed;
  });
}

INSTANTIATE_TEST_SUITE_P(MissingFacts, BrokenNode, ::testing::ValuesIn(broken_nodes()),
                         [](const auto& param_info) { return param_info.param.name; });

/// For these facts EPERM is no missing answer, it is the answer.
bool says_why(const std::string& fact, Why why) {
  return why == Why::permission && fact.find("openable") != std::string::npos;
}

TEST(MissingFacts, NeverLookLikeAFault) {
  for (const NodeFacts& healthy : {sample::gb10(), sample::soft_roce()}) {
    for (const Why why : {Why::not_read, Why::permission}) {
      without_each_fact(healthy, why, [&](const NodeFacts& node, const std::string& removed) {
        for (const Finding& finding : sample::run_all(node)) {
          const bool fault = finding.severity == Severity::warning || finding.severity == Severity::critical;
          EXPECT_FALSE(fault && !says_why(removed, why)) << "without " << removed << "\n" << sample::text_of({finding});
        }
      });
    }
  }
}

TEST(MissingFacts, NeverMakeARuleFail) {
  for (const Why why : {Why::absent, Why::malformed}) {
    for (const NodeFacts& sample_node : {sample::gb10(), sample::soft_roce()}) {
      without_each_fact(sample_node, why, [&](const NodeFacts& node, const std::string& removed) {
        for (const Finding& finding : sample::run_all(node)) {
          EXPECT_EQ(finding.title.find("the check itself failed"), std::string::npos) << "without " << removed << "\n"
                                                                                      << sample::text_of({finding});
        }
      });
    }
  }
}

TEST(MissingFacts, AllAtOnceAreUnknownAndNotReady) {
  NodeFacts node;
  EXPECT_NE(judge(sample::run_all(node)), Verdict::ready);
  node = sample::gb10();
  for (facts::Device& device : node.devices) {
    facts::Device bare;
    bare.name = device.name;
    bare.kind = device.kind;
    bare.ports.resize(1);
    device = bare;
  }
  EXPECT_NE(judge(sample::run_all(node)), Verdict::ready);
}

}  // namespace
}  // namespace rocekit::checks
