// This machine's files.
#pragma once

#include "probes/facts/tree/source.h"

namespace rocekit::facts::tree {

class LiveSource : public Source {
 public:
  Node look_up(const std::string& path) override;
  Fact<std::string> read(const std::string& path) override;
  Fact<std::vector<std::string>> list(const std::string& path) override;
};

}  // namespace rocekit::facts::tree
