// From the command line to what is sent, and to what it costs.
#pragma once

#include <vector>

#include "collectives/predict/prediction.h"
#include "collectives/traffic/step.h"
#include "tools/nccl-pattern/options.h"

namespace rocekit::pattern {

/// What every reporter renders: one of the lists is empty.
struct Plan {
  Options options;
  traffic::Model model;                          ///< of steps
  std::vector<traffic::Step> steps;              ///< one, or one a form of expert parallelism
  std::vector<traffic::Operation> operations;    ///< of a pattern, one a size
  std::vector<predict::Prediction> predictions;  ///< of steps, in their order
};

/// Reads the model's configuration and the recorded histogram. Throws InputError.
Plan make_plan(const Options& options);

/// Reads the latencies and predicts each step. Throws InputError.
void add_predictions(Plan& plan);

}  // namespace rocekit::pattern
