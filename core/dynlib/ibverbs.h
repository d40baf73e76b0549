// libibverbs.so.1 as one table of functions, loaded at run time: nothing links the library, so that the tools start,
// and say what is missing, where it is not installed.
//
// Inline functions of <infiniband/verbs.h> that only follow pointers of a context (ibv_post_send, ibv_poll_cq, ...) may
// be used beside the table; those that call into the library (ibv_query_port is one) may not: the link would fail.
#pragma once

#include <infiniband/verbs.h>

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "core/dynlib/shared_library.h"

namespace rocekit::dynlib {

class Ibverbs {
 public:
  static constexpr const char* library_name = "libibverbs.so.1";

  /// Loads the library; never throws. Where it is missing or lacks a function, error() says so and no function may be
  /// called.
  Ibverbs() : library_(library_name) {
    if (!library_) {
      error_ = library_.error();
      return;
    }
    bind(get_device_list, "ibv_get_device_list");
    bind(free_device_list, "ibv_free_device_list");
    bind(get_device_name, "ibv_get_device_name");
    bind(get_device_guid, "ibv_get_device_guid");
    bind(open_device, "ibv_open_device");
    bind(close_device, "ibv_close_device");
    bind(query_device, "ibv_query_device");
    bind(query_port_exported, "ibv_query_port");
    query_gid_table_exported = library_.function<QueryGidTable>("_ibv_query_gid_table");
  }

  explicit operator bool() const { return library_ && error_.empty(); }
  const std::string& error() const { return error_; }
  const SharedLibrary& library() const { return library_; }

  ibv_device** (*get_device_list)(int* count) = nullptr;
  void (*free_device_list)(ibv_device** list) = nullptr;
  const char* (*get_device_name)(ibv_device* device) = nullptr;
  /// Network byte order.
  std::uint64_t (*get_device_guid)(ibv_device* device) = nullptr;
  ibv_context* (*open_device)(ibv_device* device) = nullptr;
  int (*close_device)(ibv_context* context) = nullptr;
  int (*query_device)(ibv_context* context, ibv_device_attr* attributes) = nullptr;

  /// As ibv_query_port: 0 or errno. Providers that know the whole struct fill it, older ones its first part.
  int query_port(ibv_context* context, std::uint8_t port, ibv_port_attr* attributes) const {
    std::memset(attributes, 0, sizeof *attributes);
    verbs_context* const extended = verbs_get_ctx(context);
    if (extended != nullptr && extended->sz >= sizeof(verbs_context) - offsetof(verbs_context, query_port) &&
        extended->query_port != nullptr) {
      return extended->query_port(context, port, attributes, sizeof *attributes);
    }
    return query_port_exported(context, port, attributes);
  }

  /// As ibv_query_gid_table: the number of valid entries of all ports, or -errno; -EOPNOTSUPP before rdma-core 32.
  ssize_t query_gid_table(ibv_context* context, ibv_gid_entry* entries, std::size_t max_entries) const {
    if (query_gid_table_exported == nullptr) return -EOPNOTSUPP;
    return query_gid_table_exported(context, entries, max_entries, 0, sizeof *entries);
  }

 private:
  using QueryGidTable = ssize_t(ibv_context* context, ibv_gid_entry* entries, std::size_t max_entries,
                                std::uint32_t flags, std::size_t entry_size);

  template <class Function>
  void bind(Function*& function, const char* name) {
    function = library_.function<Function>(name);
    if (function == nullptr && error_.empty()) error_ = library_.path() + ": has no function " + name;
  }

  SharedLibrary library_;
  std::string error_;
  /// Fills the part of the struct that rdma-core's first versions had.
  int (*query_port_exported)(ibv_context* context, std::uint8_t port, ibv_port_attr* attributes) = nullptr;
  QueryGidTable* query_gid_table_exported = nullptr;
};

}  // namespace rocekit::dynlib
