// A recorded machine in memory.
#pragma once

#include <map>
#include <set>

#include "probes/facts/file_tree.h"
#include "probes/facts/tree/source.h"

namespace rocekit::facts::tree {

class RecordSource : public Source {
 public:
  explicit RecordSource(FileRecord record);
  Node look_up(const std::string& path) override;
  Fact<std::string> read(const std::string& path) override;
  Fact<std::vector<std::string>> list(const std::string& path) override;

 private:
  FileRecord record_;
  std::set<std::string> directories_;  ///< also those that only follow from what lies in them
};

}  // namespace rocekit::facts::tree
