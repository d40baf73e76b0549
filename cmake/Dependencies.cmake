# Packages of Debian 12 and Ubuntu 24.04, found and never vendored. A required one that is missing ends the configuration
# with the name of its package; an optional one is reported by Summary.cmake with what its absence costs.

find_package(PkgConfig)

function(rocekit_missing what package)
  message(FATAL_ERROR "${what} was not found. Install it: apt install ${package} (or run ./quickstart, which installs all that is needed).")
endfunction()

find_package(fmt QUIET)
if(NOT fmt_FOUND)
  rocekit_missing("fmt" libfmt-dev)
endif()
find_package(nlohmann_json QUIET)
if(NOT nlohmann_json_FOUND)
  rocekit_missing("nlohmann-json" nlohmann-json3-dev)
endif()
find_package(CLI11 QUIET)
if(NOT CLI11_FOUND)
  rocekit_missing("CLI11" libcli11-dev)
endif()

if(NOT PKG_CONFIG_FOUND)
  rocekit_missing("pkg-config" pkg-config)
endif()
pkg_check_modules(LIBNL QUIET IMPORTED_TARGET libnl-3.0 libnl-route-3.0)
if(NOT LIBNL_FOUND)
  rocekit_missing("libnl-3 with libnl-route-3" "libnl-3-dev libnl-route-3-dev")
endif()

find_package(OpenSSL QUIET)
if(NOT OpenSSL_FOUND)
  rocekit_missing("OpenSSL" libssl-dev)
endif()
find_package(Threads REQUIRED)

# Headers only: the library is loaded at run time, so that the tools start where it is missing.
find_path(IBVERBS_INCLUDE_DIR infiniband/verbs.h)
if(NOT IBVERBS_INCLUDE_DIR)
  rocekit_missing("infiniband/verbs.h" libibverbs-dev)
endif()

pkg_check_modules(HWLOC QUIET IMPORTED_TARGET hwloc>=2.4)
if(CMAKE_CROSSCOMPILING)
  include(CrossMpi)
else()
  find_package(MPI QUIET COMPONENTS CXX)
endif()
if(ROCEKIT_TESTS)
  find_package(GTest QUIET)
  find_package(benchmark QUIET)
endif()

add_library(rocekit_libcrypto INTERFACE)
target_link_libraries(rocekit_libcrypto INTERFACE OpenSSL::Crypto)
include(packaging/portable/Portable.cmake)
