// The ranks of a group as threads of this process, over TCP on loopback.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "collectives/host/host_communicator.h"
#include "collectives/host/host_device.h"

namespace rocekit::collectives::test {

inline Wait within(std::chrono::milliseconds time, const std::atomic<bool>* called_off = nullptr) {
  return {Deadline::after(time), called_off};
}

class Ranks {
 public:
  explicit Ranks(int count, std::size_t rails = 1) {
    Membership membership;
    for (int rank = 0; rank < count; ++rank) membership.names.push_back("rank " + std::to_string(rank) + " (here)");
    std::vector<std::string> addresses;
    verbs::EndpointOptions loopback;
    loopback.ip = "127.0.0.1";
    for (int rank = 0; rank < count; ++rank) {
      membership.rank = rank;
      std::vector<HostPeer> peers;
      // In an order that nobody need keep.
      for (int peer = count - 1; peer >= 0; --peer) {
        if (peer != rank) peers.push_back({peer, {rails, loopback}});
      }
      devices_.push_back(make_host_device());
      communicators_.push_back(make_host_communicator(*devices_.back(), verbs::Transport::tcp, membership, peers));
      addresses.push_back(communicators_.back()->address());
    }
    each([&](int rank) {
      communicators_[static_cast<std::size_t>(rank)]->connect(addresses, within(std::chrono::seconds(20)));
    });
  }

  int count() const { return static_cast<int>(devices_.size()); }
  Device& device(int rank) { return *devices_[static_cast<std::size_t>(rank)]; }
  Communicator& communicator(int rank) { return *communicators_[static_cast<std::size_t>(rank)]; }
  void end(int rank) { communicators_[static_cast<std::size_t>(rank)].reset(); }

  /// Runs `act` as each rank; throws what the lowest rank threw.
  void each(const std::function<void(int rank)>& act) {
    const std::vector<std::string> errors = errors_of_each(act);
    for (const std::string& error : errors) {
      if (!error.empty()) throw std::runtime_error(error);
    }
  }
  /// What each rank threw, in words; empty: nothing.
  std::vector<std::string> errors_of_each(const std::function<void(int rank)>& act) {
    std::vector<std::string> errors(devices_.size());
    std::vector<std::thread> threads;
    for (int rank = 0; rank < count(); ++rank) {
      threads.emplace_back([&, rank] {
        try {
          act(rank);
        } catch (const std::exception& error) {
          errors[static_cast<std::size_t>(rank)] = error.what();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return errors;
  }

 private:
  std::vector<std::unique_ptr<Device>> devices_;
  std::vector<std::unique_ptr<Communicator>> communicators_;
};

}  // namespace rocekit::collectives::test
