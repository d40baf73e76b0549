#include "tools/nccl-pattern/result.h"

namespace rocekit::pattern {

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

}  // namespace rocekit::pattern
