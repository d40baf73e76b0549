// Tables of latencies that a user names: CSV or JSON.
#pragma once

#include <string>
#include <string_view>

#include "collectives/predict/latency_table.h"

namespace rocekit::predict {

/// JSON where the text begins with { or [, else CSV. Throws InputError "DOCUMENT: ..." naming the line or result.
///
/// CSV: a line of titles, in any order: op, transport, size_bytes (or size: 4K), p50_us, and if wanted p10_us, p90_us
/// and mean_us (where p50_us is empty); lines of whole steps (op "step") and other columns are passed over, as are
/// empty lines and those that begin with #. Fields may stand in double quotes, and are parted by commas, or by
/// semicolons where the titles are: numbers may then have a decimal comma.
///
///     op,transport,size_bytes,p50_us,p10_us,p90_us
///     all-reduce,socket,4096,128,119,160
///     all-reduce,rdma,4096,14,13,17
///
/// JSON: a document with results[] as nccl-pattern writes it (rocekit/pattern), or that list alone. Of each result are
/// read op, transport, size_bytes, latency_us: {p50 or else mean, p10, p90} and block_values_us, of which p10 and p90
/// are made where it is there (latency_of); results without latency are passed over.
///
/// What nccl-pattern measured, in JSON or CSV, tells timing, side and proof too (table_of). A result whose proof
/// contradicts its transport is refused.
LatencyTable read_latencies(std::string_view text, const std::string& document);

}  // namespace rocekit::predict
