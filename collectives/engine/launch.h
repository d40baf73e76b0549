// From an operation of the plan to the calls of one launch.
#pragma once

#include <cstddef>
#include <vector>

#include "collectives/communicator/call.h"

namespace rocekit::collectives {

/// Calls that run together, side by side in the buffers.
struct Launch {
  std::vector<Call> calls;
  std::size_t send_bytes = 0;  ///< largest of any rank
  std::size_t receive_bytes = 0;
};

/// Who sends to whom, of send-recv; `from`: root of a broadcast.
struct Ends {
  SendRecvForm form = SendRecvForm::ring;
  int from = 0;
  int to = 1;
};

/// The operation with the elements that `ranks` ranks can split: those of a reduce-scatter or all-to-all rounded up to
/// a multiple of the ranks. Throws InputError: pairs of another number of ranks.
traffic::Operation divisible(traffic::Operation operation, int ranks);

/// Parts of the operation become calls of one launch.
Launch launch_of(const traffic::Operation& operation, int ranks, const Ends& ends = {});

}  // namespace rocekit::collectives
