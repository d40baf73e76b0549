#include "verbs/failed_completion.h"

#include <fmt/format.h>

#include <cmath>

namespace rocekit::verbs {
namespace {

double seconds_until_retry_error(const DeviceDeviations& deviations) {
  return 4.096e-6 * std::ldexp(1.0, deviations.ack_timeout) * (deviations.retry_count + 1);
}

}  // namespace

TransportError failed_completion(const ibv_wc& completion, const DeviceContext& device, const std::string& peer,
                                 bool gpu_memory) {
  const std::string call = fmt::format("work completion of queue pair {}", completion.qp_num);
  const std::string status =
      fmt::format("{} ({}, vendor error {:#x})", device.library().wc_status_str(completion.status),
                  name_of(completion.status), completion.vendor_err);
  const Cause cause = device.fault().value_or(
      cause_of_completion(completion.status, seconds_until_retry_error(device.deviations()), gpu_memory));
  return TransportError({call, device.name(), peer, cause.check_id}, 0,
                        cause.sentence.empty() ? status : fmt::format("{}: {}", status, cause.sentence));
}

}  // namespace rocekit::verbs
