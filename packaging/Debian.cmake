# Debian packages by CPack: rocekit, rocekit-mpi, rocekit-gpu. `cmake --workflow --preset package` makes them.
set(ROCEKIT_MAINTAINER "rocekit maintainers <maintainers@rocekit.invalid>" CACHE STRING
    "Maintainer in the packages: name and address of who publishes them")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME rocekit)
set(CPACK_PACKAGE_VERSION ${ROCEKIT_PACKAGE_VERSION})
# Each package has a first line of its own.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_PACKAGE_CONTACT ${ROCEKIT_MAINTAINER})
set(CPACK_OUTPUT_FILE_PREFIX ${ROCEKIT_PACKAGES})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_COMPONENTS_ALL tools gpu)
if(MPI_CXX_FOUND)
  list(APPEND CPACK_COMPONENTS_ALL mpi)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE arm64)
elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE amd64)
endif()

# dpkg-shlibdeps sees what is linked; libibverbs is loaded at run time. The tools start without it, and say so, but RDMA is
# what they are for; its providers are the drivers of the devices.
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME rocekit)
set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "libibverbs1")
set(CPACK_DEBIAN_TOOLS_PACKAGE_RECOMMENDS "ibverbs-providers")
set(CPACK_DEBIAN_TOOLS_PACKAGE_SUGGESTS "rocekit-mpi, rocekit-gpu, ethtool, iproute2, rdma-core")
set(CPACK_DEBIAN_TOOLS_DESCRIPTION "RDMA (RoCE) network diagnostics for GPU clusters
roce-probe reads a node's RDMA devices and says whether they are ready to
serve, roce-pingpong measures RDMA against TCP between nodes, roce-preflight
gives one verdict and exit code for a start script. Each finding comes with
the values that were read, the cause and commands to paste.")

set(CPACK_DEBIAN_MPI_PACKAGE_NAME rocekit-mpi)
set(CPACK_DEBIAN_MPI_PACKAGE_DEPENDS "rocekit (= ${CPACK_PACKAGE_VERSION}) | rocekit-gpu (= ${CPACK_PACKAGE_VERSION})")
set(CPACK_DEBIAN_MPI_PACKAGE_RECOMMENDS "openmpi-bin")
set(CPACK_DEBIAN_MPI_DESCRIPTION "rocekit's tools under mpirun and srun
Modules by which the ranks of roce-pingpong, roce-preflight and nccl-pattern
find each other under an MPI launcher, and by which nccl-pattern measures
MPI's own collectives. Without them the tools join by --listen and --join.")

set(CPACK_DEBIAN_GPU_PACKAGE_NAME rocekit-gpu)
set(CPACK_DEBIAN_GPU_PACKAGE_RECOMMENDS "rocekit, libibverbs1, ibverbs-providers")
set(CPACK_DEBIAN_GPU_PACKAGE_SUGGESTS "rocekit-mpi, libnccl2, libcuda1")
set(CPACK_DEBIAN_GPU_DESCRIPTION "collectives of LLM serving, measured over RDMA and sockets
nccl-pattern issues the collectives of a serving step with the counts and
sizes of a named model, by NCCL on GPUs or on host memory, proves which
transport carried them and says what it costs in tokens per second. CUDA and
NCCL are loaded at run time where they exist.")

# What Debian wants in each package's documentation.
set(debian ${CMAKE_CURRENT_BINARY_DIR}/debian)
execute_process(COMMAND ${CMAKE_COMMAND} -E env LC_ALL=C TZ=UTC0 date -u -R -d "@${ROCEKIT_SOURCE_DATE}"
                OUTPUT_VARIABLE ROCEKIT_SOURCE_DATE_RFC OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
configure_file(debian/changelog.in ${debian}/changelog @ONLY)
foreach(component tools mpi gpu)
  string(TOUPPER ${component} upper)
  set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  set(ROCEKIT_OVERRIDDEN ${package})
  configure_file(debian/lintian-overrides.in ${debian}/${component}/${package} @ONLY)
  install(FILES debian/copyright ${debian}/changelog DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/${package} COMPONENT ${component}
          EXCLUDE_FROM_ALL)
  install(FILES ${debian}/${component}/${package} DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/lintian/overrides COMPONENT ${component}
          EXCLUDE_FROM_ALL)
endforeach()

set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_BINARY_DIR}/PackageEnvironment.cmake)
configure_file(PackageEnvironment.cmake.in ${CPACK_PROJECT_CONFIG_FILE} @ONLY)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/FinishStaging.cmake)
include(CPack)

# An x86-64 machine makes both architectures' packages. A workflow preset has one configure preset: the other
# architecture's steps are a target of this one's. On an aarch64 machine there is no other.
add_custom_target(packages-aarch64)
if(NOT CMAKE_CROSSCOMPILING AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_custom_target(packages-aarch64-steps
    COMMAND ${CMAKE_COMMAND} --preset aarch64
    COMMAND ${CMAKE_COMMAND} --build --preset package-aarch64
    COMMAND ${CMAKE_CPACK_COMMAND} --preset package-aarch64
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    COMMENT "Cross-building the packages of arm64"
    USES_TERMINAL VERBATIM)
  # One build after the other: each takes all processors.
  add_dependencies(packages-aarch64-steps packaged)
  add_dependencies(packages-aarch64 packages-aarch64-steps)
endif()
