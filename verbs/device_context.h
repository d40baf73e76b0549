// An RDMA device, opened, and the port of it that is used.
#pragma once

#include <infiniband/verbs.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/dynlib/ibverbs.h"
#include "verbs/causes.h"
#include "verbs/device_deviations.h"
#include "verbs/error.h"
#include "verbs/gid_choice.h"

namespace rocekit::verbs {

class DeviceContext {
 public:
  /// Loads libibverbs. Throws InputError for a device or port that is not there (with those that are), TransportError
  /// when the library is missing (ROCE-DEV-002), no device is there (ROCE-DEV-001), or opening it is refused
  /// (ROCE-ACC-001, ROCE-ACC-002).
  DeviceContext(const std::string& device, int port);
  DeviceContext(const DeviceContext&) = delete;
  DeviceContext& operator=(const DeviceContext&) = delete;
  ~DeviceContext();

  const dynlib::Ibverbs& library() const { return library_; }
  ibv_context* get() const { return context_; }
  int port() const { return port_; }
  const std::string& name() const { return name_; }  ///< "rocep1s0f0:1"
  const ibv_device_attr& attributes() const { return attributes_; }
  const ibv_port_attr& port_attributes() const { return port_attributes_; }  ///< as they were when it was opened
  const DeviceDeviations& deviations() const {
    return deviations_of(attributes_.vendor_id, attributes_.vendor_part_id);
  }
  bool is_ethernet() const { return port_attributes_.link_layer == IBV_LINK_LAYER_ETHERNET; }

  /// The valid entries of the port, by index.
  std::vector<GidEntry> gids() const;

  /// Why nothing can pass here now: the port is not ACTIVE (ROCE-LNK-002), or the device reported a fatal event since
  /// it was opened; nullopt when all is well.
  std::optional<Cause> fault() const;

 private:
  dynlib::Ibverbs library_;
  std::string name_;
  int port_;
  ibv_context* context_ = nullptr;
  ibv_device_attr attributes_{};
  ibv_port_attr port_attributes_{};
};

}  // namespace rocekit::verbs
