#include "core/error.h"
#include "verbs/endpoint.h"

namespace rocekit::verbs {

std::unique_ptr<Endpoint> make_endpoint(Transport transport, const EndpointOptions& options) {
  switch (transport) {
    case Transport::rc:
      return make_rc_endpoint(options);
    case Transport::ud:
      return make_ud_endpoint(options);
    case Transport::tcp:
      return make_tcp_endpoint(options);
    case Transport::null:
      return make_null_endpoint();
  }
  throw InputError("There is no such transport.");
}

}  // namespace rocekit::verbs
