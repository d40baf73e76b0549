#include "core/session/hello.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/session/frame.h"
#include "core/text/utf8.h"

namespace rocekit::session {

namespace {

constexpr std::size_t max_name_bytes = 256;

std::string read_name(FieldReader& fields) {
  return text::shortened(text::printable(fields.text(max_name_bytes)), max_name_bytes);
}

}  // namespace

Hello hello_of(const std::string& tool, const std::string& version, int rank) {
  utsname name{};
  ::uname(&name);
  return {tool, version, name.nodename, static_cast<int>(::getpid()), rank};
}

std::string encode_hello(const Hello& hello) {
  return FieldWriter()
      .text(hello.tool)
      .text(hello.version)
      .text(hello.host)
      .u32(static_cast<std::uint32_t>(hello.pid))
      .u32(static_cast<std::uint32_t>(hello.rank))
      .take();
}

Hello decode_hello(std::string_view body) {
  FieldReader fields(body);
  Hello hello;
  hello.tool = read_name(fields);
  hello.version = read_name(fields);
  hello.host = read_name(fields);
  hello.pid = static_cast<int>(fields.u32());
  hello.rank = static_cast<int>(fields.u32());
  fields.end();
  return hello;
}

std::string mismatch(const Hello& rank0, const Hello& other) {
  if (rank0.tool == other.tool && rank0.version == other.version) return {};
  return fmt::format("{} runs {} {} and {} runs {} {}: install the same version on all nodes", rank0.host, rank0.tool,
                     rank0.version, other.host, other.tool, other.version);
}

std::string encode_welcome(const Welcome& welcome) {
  FieldWriter fields;
  fields.u32(static_cast<std::uint32_t>(welcome.rank)).u32(static_cast<std::uint32_t>(welcome.peers.size()));
  for (const Peer& peer : welcome.peers) fields.text(peer.host).u32(static_cast<std::uint32_t>(peer.pid));
  return fields.take();
}

Welcome decode_welcome(std::string_view body) {
  FieldReader fields(body);
  Welcome welcome;
  welcome.rank = static_cast<int>(fields.u32());
  const std::uint32_t size = fields.u32();
  if (size < 2 || size > max_ranks || welcome.rank < 1 || welcome.rank >= static_cast<int>(size)) {
    throw ProtocolError("gave a rank that cannot be");
  }
  for (int rank = 0; rank < static_cast<int>(size); ++rank) {
    std::string host = read_name(fields);
    welcome.peers.push_back({rank, std::move(host), static_cast<int>(fields.u32())});
  }
  fields.end();
  return welcome;
}

}  // namespace rocekit::session
