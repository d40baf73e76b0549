// Errors that end a run with one sentence on stderr and exit code 3 (unknown: could not check, usage, bad input).
#pragma once

#include <stdexcept>
#include <string>

namespace rocekit {

/// What the user gave cannot be used. The message is one sentence: what, where, what to do.
class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What was to be measured broke or could not be set up: one sentence.
class MeasureError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace rocekit
