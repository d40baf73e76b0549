#include "tools/roce-preflight/result.h"

namespace rocekit::preflight {

const char* to_string(State state) {
  switch (state) {
    case State::done:
      return "done";
    case State::failed:
      return "failed";
    case State::not_run:
      return "not-run";
  }
  return "not-run";
}

}  // namespace rocekit::preflight
