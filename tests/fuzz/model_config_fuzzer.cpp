// config.json of models, expert histograms, lists of sizes, modes: any text ends in a value or in a sentence, and what
// was read can be planned.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "collectives/traffic/model_config.h"
#include "collectives/traffic/step.h"
#include "core/error.h"
#include "core/text/sizes.h"

namespace {

using namespace rocekit;

void require(bool holds) {
  if (!holds) std::abort();
}

void plan(const traffic::Model& model, const traffic::Parallelism& mode) {
  traffic::StepRequest request;
  request.model = model;
  request.mode = mode;
  const auto forms = traffic::forms_of(mode);
  if (!forms.empty()) request.form = forms.front();
  try {
    const traffic::Step step = traffic::plan_step(request);
    for (const traffic::Operation& operation : step.operations) {
      require(!operation.parts.empty() && operation.ranks >= 2 && operation.count >= 1);
      require(operation.pairs.has_value() == (operation.kind == traffic::OpKind::all_to_all_v));
    }
  } catch (const InputError&) {
  }
}

template <class Read>
void read(Read function) {
  try {
    function();
  } catch (const InputError& error) {
    const std::string sentence = error.what();
    require(!sentence.empty() && sentence.find('\n') == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read([&] {
    const traffic::Model model = traffic::model_of_config(text, "config.json", "model");
    require(model.hidden > 0 && model.layers > 0 && model.vocabulary > 0 && model.dense_layers <= model.layers);
    require(model.experts_per_token <= model.experts);
    for (const char* mode : {"tp2", "pp2", "ep2", "dp2ep2"}) plan(model, traffic::parse_parallelism(mode));
  });
  read([&] { traffic::parse_expert_histogram(text, "histogram"); });
  read([&] {
    for (const std::uint64_t bytes : text::parse_sizes(text)) require(bytes <= (std::uint64_t{1} << 62U));
  });
  read([&] { plan(traffic::model_named("deepseek-v3"), traffic::parse_parallelism(text)); });
  read([&] { traffic::parse_routing(text); });
  return 0;
}
