#include "verbs/endpoint.h"

#include <array>
#include <string_view>
#include <utility>

namespace rocekit::verbs {
namespace {

template <class Enum, std::size_t n>
using Names = std::array<std::pair<Enum, const char*>, n>;

constexpr Names<Transport, 4> transports{
    {{Transport::rc, "rc"}, {Transport::ud, "ud"}, {Transport::tcp, "tcp"}, {Transport::null, "null"}}};
constexpr Names<Operation, 5> operations{{{Operation::send, "send"},
                                          {Operation::write, "write"},
                                          {Operation::write_imm, "write-imm"},
                                          {Operation::read, "read"},
                                          {Operation::atomic, "atomic"}}};
constexpr Names<WaitMode, 3> wait_modes{
    {{WaitMode::poll, "poll"}, {WaitMode::block, "block"}, {WaitMode::event, "event"}}};
constexpr Names<MemoryKind, 4> memory_kinds{{{MemoryKind::host, "host"},
                                             {MemoryKind::hugepages, "hugepages"},
                                             {MemoryKind::gpu, "gpu"},
                                             {MemoryKind::gpu_host, "gpu-host"}}};

template <class Enum, std::size_t n>
const char* name_of(const Names<Enum, n>& names, Enum value) {
  for (const auto& [key, name] : names) {
    if (key == value) return name;
  }
  return "?";
}

template <class Enum, std::size_t n>
std::optional<Enum> value_of(const Names<Enum, n>& names, std::string_view word) {
  for (const auto& [key, name] : names) {
    if (word == name) return key;
  }
  return std::nullopt;
}

}  // namespace

const char* to_string(Transport transport) { return name_of(transports, transport); }
std::optional<Transport> transport_from_string(std::string_view word) { return value_of(transports, word); }
const char* to_string(Operation operation) { return name_of(operations, operation); }
std::optional<Operation> operation_from_string(std::string_view word) { return value_of(operations, word); }
const char* to_string(WaitMode mode) { return name_of(wait_modes, mode); }
std::optional<WaitMode> wait_mode_from_string(std::string_view word) { return value_of(wait_modes, word); }
const char* to_string(MemoryKind kind) { return name_of(memory_kinds, kind); }
std::optional<MemoryKind> memory_kind_from_string(std::string_view word) { return value_of(memory_kinds, word); }

bool is_one_sided_latency(Operation operation) {
  return operation == Operation::read || operation == Operation::atomic;
}

bool is_one_sided_stream(Operation operation) {
  return operation == Operation::write || is_one_sided_latency(operation);
}

}  // namespace rocekit::verbs
