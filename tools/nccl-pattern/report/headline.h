// What a run comes to: the first lines of the report, and its last.
#pragma once

#include <string>

#include "tools/nccl-pattern/report/writer.h"
#include "tools/nccl-pattern/result.h"

namespace rocekit::pattern {

/// "rdma 3.10 ms, socket 11.2 ms: socket is 3.61x slower (3.42-3.81)": of a subject on all sides; empty when it was not
/// measured. A pattern's large sizes are told in GB/s.
std::string figures(const Report& report, std::size_t subject);

/// Why figures say nothing of speed; then one paragraph a step: figures, proof and price; of a pattern the smallest and
/// the largest size.
void write_answer(Writer& writer, const Report& report);

/// "MEASURED: tp2 decode: rdma 3.10 ms, ...".
void write_verdict(Writer& writer, const Report& report);

}  // namespace rocekit::pattern
