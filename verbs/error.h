// A transport that could not be set up or broke, with all that is needed to know why.
#pragma once

#include <string>

#include "core/error.h"

namespace rocekit::verbs {

/// "ibv_modify_qp INIT->RTR on rocep1s0f0:1 gid 3 to rank 1 (spark-2): No data available (ENODATA); roce-probe explain
/// ROCE-NET-001". Exit code 3: nothing was measured.
class TransportError : public MeasureError {
 public:
  struct Where {
    std::string call;      ///< "ibv_modify_qp INIT->RTR", "connect", "work completion"
    std::string object;    ///< "rocep1s0f0:1 gid 3", "192.168.100.1:41234"
    std::string peer;      ///< "rank 1 (spark-2)"; empty before a peer is known
    std::string check_id;  ///< the check that explains it; empty: none does
  };
  /// `error`: an errno, 0 for none. `more`: what stands in its place or after it.
  TransportError(Where where, int error, const std::string& more = {});

  const Where& where() const { return where_; }
  int error() const { return error_; }
  const std::string& check_id() const { return where_.check_id; }

 private:
  Where where_;
  int error_;
};

}  // namespace rocekit::verbs
