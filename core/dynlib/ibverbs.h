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

  /// Binds what moving data needs as well: a tool that only asks devices has no use for it. False, with error(), when
  /// the library lacks a function.
  bool bind_data_path() {
    if (!*this) return false;
    bind(alloc_pd, "ibv_alloc_pd");
    bind(dealloc_pd, "ibv_dealloc_pd");
    bind(reg_mr_exported, "ibv_reg_mr");
    bind(dereg_mr, "ibv_dereg_mr");
    bind(create_comp_channel, "ibv_create_comp_channel");
    bind(destroy_comp_channel, "ibv_destroy_comp_channel");
    bind(create_cq, "ibv_create_cq");
    bind(destroy_cq, "ibv_destroy_cq");
    bind(get_cq_event, "ibv_get_cq_event");
    bind(ack_cq_events, "ibv_ack_cq_events");
    bind(create_qp, "ibv_create_qp");
    bind(modify_qp, "ibv_modify_qp");
    bind(destroy_qp, "ibv_destroy_qp");
    bind(create_ah, "ibv_create_ah");
    bind(destroy_ah, "ibv_destroy_ah");
    bind(wc_status_str, "ibv_wc_status_str");
    bind(get_async_event, "ibv_get_async_event");
    bind(ack_async_event, "ibv_ack_async_event");
    bind(event_type_str, "ibv_event_type_str");
    reg_mr_iova2 = library_.function<RegisterMemoryIova2>("ibv_reg_mr_iova2");
    reg_dmabuf_mr = library_.function<RegisterDmabuf>("ibv_reg_dmabuf_mr");
    return error_.empty();
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

  // ---- bind_data_path()

  using RegisterMemoryIova2 = ibv_mr*(ibv_pd* pd, void* address, std::size_t length, std::uint64_t iova,
                                      unsigned access);
  using RegisterDmabuf = ibv_mr*(ibv_pd* pd, std::uint64_t offset, std::size_t length, std::uint64_t iova, int fd,
                                 int access);

  ibv_pd* (*alloc_pd)(ibv_context* context) = nullptr;
  int (*dealloc_pd)(ibv_pd* pd) = nullptr;
  int (*dereg_mr)(ibv_mr* region) = nullptr;
  RegisterDmabuf* reg_dmabuf_mr = nullptr;  ///< nullptr before rdma-core 34
  ibv_comp_channel* (*create_comp_channel)(ibv_context* context) = nullptr;
  int (*destroy_comp_channel)(ibv_comp_channel* channel) = nullptr;
  ibv_cq* (*create_cq)(ibv_context* context, int entries, void* cq_context, ibv_comp_channel* channel,
                       int vector) = nullptr;
  int (*destroy_cq)(ibv_cq* queue) = nullptr;
  int (*get_cq_event)(ibv_comp_channel* channel, ibv_cq** queue, void** cq_context) = nullptr;
  void (*ack_cq_events)(ibv_cq* queue, unsigned count) = nullptr;
  ibv_qp* (*create_qp)(ibv_pd* pd, ibv_qp_init_attr* attributes) = nullptr;
  int (*modify_qp)(ibv_qp* queue_pair, ibv_qp_attr* attributes, int mask) = nullptr;
  int (*destroy_qp)(ibv_qp* queue_pair) = nullptr;
  ibv_ah* (*create_ah)(ibv_pd* pd, ibv_ah_attr* attributes) = nullptr;
  int (*destroy_ah)(ibv_ah* handle) = nullptr;
  const char* (*wc_status_str)(ibv_wc_status status) = nullptr;
  int (*get_async_event)(ibv_context* context, ibv_async_event* event) = nullptr;
  void (*ack_async_event)(ibv_async_event* event) = nullptr;
  const char* (*event_type_str)(ibv_event_type event) = nullptr;

  /// As ibv_reg_mr of the headers, which is a macro over two functions: optional access flags (relaxed ordering) need
  /// the newer one, and are dropped where it is missing or the kernel does not know them.
  ibv_mr* reg_mr(ibv_pd* pd, void* address, std::size_t length, unsigned access) const {
    if ((access & IBV_ACCESS_OPTIONAL_RANGE) == 0 || reg_mr_iova2 == nullptr) {
      const unsigned required = access & ~static_cast<unsigned>(IBV_ACCESS_OPTIONAL_RANGE);
      return reg_mr_exported(pd, address, length, static_cast<int>(required));
    }
    return reg_mr_iova2(pd, address, length, reinterpret_cast<std::uintptr_t>(address), access);
  }

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
  ibv_mr* (*reg_mr_exported)(ibv_pd* pd, void* address, std::size_t length, int access) = nullptr;
  RegisterMemoryIova2* reg_mr_iova2 = nullptr;
};

}  // namespace rocekit::dynlib
