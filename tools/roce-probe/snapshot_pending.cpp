#include "core/error.h"
#include "probes/facts/snapshot.h"
namespace rocekit::facts {
void write_snapshot(const Snapshot&, const std::filesystem::path&) { throw InputError("--save DIR is not built yet"); }
Snapshot anonymize(const Snapshot&) { throw InputError("--anonymize is not built yet"); }
FileTree tree_of(const Snapshot&) { throw InputError("--anonymize is not built yet"); }
}
