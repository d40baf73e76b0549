#include "tools/nccl-pattern/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "collectives/predict/latency_file.h"
#include "collectives/traffic/model_config.h"
#include "core/error.h"
#include "core/io/user_files.h"
#include "core/text/utf8.h"

namespace rocekit::pattern {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_config_bytes = std::size_t{16} << 20U;
constexpr std::size_t most_table_bytes = std::size_t{64} << 20U;

/// "models/Qwen3/config.json" is of Qwen3.
std::string name_of_config(const fs::path& config) {
  const std::string folder = fs::path(config).parent_path().filename().string();
  const std::string name = folder.empty() || folder == "." || folder == ".." ? config.filename().string() : folder;
  return text::shortened(text::printable(name), 60);
}

traffic::Model read_model(const std::string& word) {
  fs::path config = word;
  std::error_code error;
  const bool folder = fs::is_directory(config, error);
  if (folder) config /= "config.json";
  if (!folder && !word.ends_with(".json") && word != "-" && !fs::exists(config, error))
    return traffic::model_named(word);
  if (word == "-")
    return traffic::model_of_config(io::read_input(word, most_config_bytes), "standard input", "the model");
  const std::string shown = text::printable(config.string());
  return traffic::model_of_config(io::read_input(config.string(), most_config_bytes), shown, name_of_config(config));
}

std::vector<traffic::Operation> operations_of(const Options& options) {
  traffic::PatternRequest request;
  request.pattern = *options.pattern;
  request.ranks = options.ranks;
  request.type = options.type;
  request.skew = options.skew;
  std::vector<traffic::Operation> operations;
  for (const PatternSize& size : options.sizes) {
    request.size_bytes = size.firm ? size.bytes : std::max(size.bytes, traffic::least_bytes(request));
    traffic::Operation operation = traffic::plan_pattern(request);
    // Several sizes may be one once they are rounded to whole elements.
    if (std::find(operations.begin(), operations.end(), operation) == operations.end()) {
      operations.push_back(std::move(operation));
    }
  }
  return operations;
}

}  // namespace

Plan make_plan(const Options& options) {
  Plan plan;
  plan.options = options;
  if (options.pattern) {
    plan.operations = operations_of(options);
    return plan;
  }
  plan.model = options.model.empty() ? traffic::known_models().front() : read_model(options.model);
  if (options.model.empty()) {
    plan.model.notes.push_back(fmt::format("no --model was given: {} stands for yours", plan.model.name));
  }
  traffic::StepRequest request = options.step;
  request.model = plan.model;
  if (options.histogram) {
    request.routing.kind = traffic::Routing::Kind::histogram;
    request.routing.counts =
        traffic::parse_expert_histogram(io::read_input(*options.histogram, most_config_bytes), *options.histogram);
  }
  std::vector<traffic::ExpertForm> forms = traffic::forms_of(request.mode);
  if (options.form) forms = {*options.form};
  if (forms.empty()) plan.steps.push_back(traffic::plan_step(request));
  for (const traffic::ExpertForm form : forms) {
    request.form = form;
    plan.steps.push_back(traffic::plan_step(request));
  }
  return plan;
}

void add_predictions(Plan& plan) {
  const Options& options = plan.options;
  const Settings& settings = options.settings;
  const std::string name = options.latencies == "-" ? "standard input" : text::printable(options.latencies);
  const predict::LatencyTable table =
      predict::read_latencies(io::read_input(options.latencies, most_table_bytes), name);
  std::vector<std::string> others = table.transports();
  predict::PredictionRequest request;
  // Without tokens no side is the measured one.
  request.measured_on = settings.measured_on.value_or(
      std::find(others.begin(), others.end(), "socket") != others.end() ? "socket" : others.front());
  if (std::find(others.begin(), others.end(), request.measured_on) == others.end()) {
    throw InputError(
        fmt::format("{}: has no latencies on {}, but on {}", name, request.measured_on, fmt::join(others, ", ")));
  }
  others.erase(std::remove(others.begin(), others.end(), request.measured_on), others.end());
  if (!settings.predicted_on && others.size() != 1) {
    throw InputError(
        others.empty() ? fmt::format("{}: has latencies on {} alone, and a prediction needs those of another transport",
                                     name, request.measured_on)
                       : fmt::format("{}: has latencies on {}: say with --predict-on which is meant", name,
                                     fmt::join(table.transports(), ", ")));
  }
  request.predicted_on = settings.predicted_on ? *settings.predicted_on : others.front();
  request.tok_s = settings.tok_s;
  request.accepted_tokens = settings.accepted_tokens;
  for (const traffic::Step& step : plan.steps) {
    request.step = step;
    plan.predictions.push_back(predict::predict(request, table));
  }
}

}  // namespace rocekit::pattern
