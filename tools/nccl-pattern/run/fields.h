// The fields of each structure that ranks tell each other (core/wire/wire.h), each list in one place for writing and
// reading.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collectives/engine/fields.h"
#include "collectives/traffic/step.h"
#include "tools/nccl-pattern/plan/gpus.h"
#include "tools/nccl-pattern/plan/sides.h"
#include "tools/nccl-pattern/plan/subjects.h"
#include "tools/nccl-pattern/run/record.h"
#include "tools/nccl-pattern/settings.h"
#include "tools/roce-pingpong/run/fields.h"

// Found by argument-dependent lookup, so in the namespaces of their structures.
namespace rocekit::traffic {

template <class Archive>
void fields(Archive& archive, Part& part) {
  archive(part.what, part.elements, part.type);
}
template <class Archive>
void fields(Archive& archive, Operation& o) {
  archive(o.kind, o.what, o.issued_by, o.group, o.ranks, o.count, o.parts, o.pairs);
}
template <class Archive>
void fields(Archive& archive, Parallelism& mode) {
  archive(mode.tensor, mode.pipeline, mode.data, mode.expert);
}
template <class Archive>
void fields(Archive& archive, LayerAllReduce& extra) {
  archive(extra.what, extra.elements_per_token, extra.type);
}
template <class Archive>
void fields(Archive& archive, Model& m) {
  archive(m.name, m.hidden, m.layers, m.dense_layers, m.experts, m.shared_experts, m.experts_per_token, m.vocabulary,
          m.type, m.extra, m.notes);
}
template <class Archive>
void fields(Archive& archive, Routing& routing) {
  archive(routing.kind, routing.exponent, routing.counts, routing.seed);
}
template <class Archive>
void fields(Archive& archive, StepRequest& r) {
  archive(r.model, r.mode, r.form, r.phase, r.batch, r.prefill_tokens, r.draft_tokens, r.microbatches, r.graph_padding,
          r.routing);
}
template <class Archive>
void fields(Archive& archive, Step& step) {
  archive(step.request, step.tokens, step.padded_tokens, step.operations, step.notes);
}

}  // namespace rocekit::traffic

namespace rocekit::collectives {

template <class Archive>
void fields(Archive& archive, Setting& setting) {
  archive(setting.name, setting.value);
}
}  // namespace rocekit::collectives

namespace rocekit::pattern {

template <class Archive>
void fields(Archive& archive, Settings& s) {
  std::optional<std::int64_t> duration_ms;
  if (s.duration) duration_ms = s.duration->count();
  archive(duration_ms);
  s.duration.reset();
  if (duration_ms) s.duration = std::chrono::milliseconds(*duration_ms);
  // The path of libnccl is each rank's own.
  archive(s.backend, s.compare, s.a, s.b, s.environments, s.required, s.verify, s.compute_us, s.timings, s.iterations,
          s.max_memory, s.algorithms, s.floor, s.tok_s, s.measured_on, s.predicted_on, s.accepted_tokens);
}
template <class Archive>
void fields(Archive& archive, Traffic& traffic) {
  archive(traffic.pattern, traffic.operations, traffic.steps, traffic.sizes_given);
}
template <class Archive>
void fields(Archive& archive, Gpu& gpu) {
  archive(gpu.name, gpu.bus_id);
}
template <class Archive>
void fields(Archive& archive, GpuFacts& facts) {
  archive(facts.gpus, facts.no_gpu, facts.nccl_path, facts.nccl_version, facts.no_nccl);
}
template <class Archive>
void fields(Archive& archive, SidePlan& side) {
  archive(side.name, side.transport, side.backend, side.channel, side.net_name, side.settings, side.host_ids,
          side.child, side.floor);
}
template <class Archive>
void fields(Archive& archive, SideChoice& choice) {
  archive(choice.sides, choice.notes, choice.function_only);
}
template <class Archive>
void fields(Archive& archive, Order& c) {
  archive(c.kind, c.side, c.subject, c.timing, c.iterations, c.verify, c.seed, c.patience_ns, c.keep_each, c.what);
}
template <class Archive>
void fields(Archive& archive, BlockNote& note) {
  archive(note.iterations, note.total_ns, note.enqueue_ns, note.core_work_ns, note.wall_ns, note.samples, note.calls,
          note.wrong_calls, note.first_wrong);
}
template <class Archive>
void fields(Archive& archive, RankRecord& r) {
  archive(r.cpu, r.counters, r.logs);
}

}  // namespace rocekit::pattern
