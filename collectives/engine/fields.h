// What a side and its child tell each other, field by field (core/wire).
#pragma once

#include <string>
#include <vector>

#include "collectives/engine/side.h"
#include "core/wire/wire.h"

namespace rocekit::traffic {

template <class Archive>
void fields(Archive& archive, PairBytes& pairs) {
  archive(pairs.ranks, pairs.bytes);
}

}  // namespace rocekit::traffic

namespace rocekit::collectives {

/// One communicator's address, by the first of the groups it serves.
struct SeatAddress {
  traffic::Group group = traffic::Group::world;
  std::string address;
};
struct SeatAddresses {
  std::vector<SeatAddress> list;
};

template <class Archive>
void fields(Archive& archive, SeatAddress& a) {
  archive(a.group, a.address);
}
template <class Archive>
void fields(Archive& archive, SeatAddresses& a) {
  archive(a.list);
}

template <class Archive>
void fields(Archive& archive, Call& c) {
  archive(c.kind, c.type, c.elements, c.form, c.from, c.to, c.pairs, c.send_offset, c.receive_offset);
}
template <class Archive>
void fields(Archive& archive, Action& a) {
  archive(a.group, a.launch, a.compute_us, a.ranks, a.operation);
}
template <class Archive>
void fields(Archive& archive, Program& p) {
  archive(p.name, p.actions, p.size_bytes, p.divisor, p.send_bytes, p.receive_bytes);
}
template <class Archive>
void fields(Archive& archive, Mismatch& m) {
  archive(m.elements, m.first_element, m.expected, m.found);
}
template <class Archive>
void fields(Archive& archive, SideDetails& d) {
  archive(d.device, d.library, d.library_version, d.communicator, d.memory_cap, d.records, d.notes);
}
template <class Archive>
void fields(Archive& archive, BlockRequest& b) {
  archive(b.program, b.timing, b.iterations, b.verify, b.seed);
}
template <class Archive>
void fields(Archive& archive, BlockRecord& r) {
  archive(r.samples_ns, r.iterations, r.total_ns, r.enqueue_ns, r.core_work_ns, r.calls, r.wrong_calls, r.mismatch,
          r.mismatch_where);
}

}  // namespace rocekit::collectives
