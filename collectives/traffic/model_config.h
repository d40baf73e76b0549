// A model by its config.json (Hugging Face).
#pragma once

#include <string>
#include <string_view>

#include "collectives/traffic/model.h"

namespace rocekit::traffic {

/// The model that a config.json describes. Read are the keys under which model families keep hidden size, layers,
/// vocabulary, experts, experts per token, dense layers and data type, also inside text_config and its kin of
/// multimodal models. What is absent and has a usual value is assumed, and said in the model's notes. Throws InputError
/// "DOCUMENT: ...": not JSON, a key that is missing or no sensible number. `name` is what the model is called when the
/// file does not say.
Model model_of_config(std::string_view json_text, const std::string& document, const std::string& name);

}  // namespace rocekit::traffic
