#include "tools/roce-pingpong/result.h"

namespace rocekit::pingpong {

const char* to_string(Proof::Verdict verdict) {
  switch (verdict) {
    case Proof::Verdict::proven:
      return "proven";
    case Proof::Verdict::contradicted:
      return "contradicted";
    case Proof::Verdict::unproven:
      break;
  }
  return "unproven";
}

const char* to_string(Metric metric) { return metric == Metric::latency ? "latency" : "bandwidth"; }

}  // namespace rocekit::pingpong
