# The tools linked a second time, for the tarball, as programs for any Linux with glibc, whatever else is or is not installed
# there. What they need is linked into them and not exported. Shared copies in the tarball would not do: a container's own
# libibverbs and MPI, loaded at run time, would be given our libnl and hwloc in place of theirs, and fail where theirs are
# newer.
find_library(ROCEKIT_LIBNL_ARCHIVE libnl-3.a)
find_library(ROCEKIT_HWLOC_ARCHIVE libhwloc.a)
find_library(ROCEKIT_CRYPTO_ARCHIVE libcrypto.a)
mark_as_advanced(ROCEKIT_LIBNL_ARCHIVE ROCEKIT_HWLOC_ARCHIVE ROCEKIT_CRYPTO_ARCHIVE)
set(ROCEKIT_PORTABLE OFF)
if(NOT ROCEKIT_SANITIZE AND ROCEKIT_LIBNL_ARCHIVE AND ROCEKIT_CRYPTO_ARCHIVE AND (ROCEKIT_HWLOC_ARCHIVE OR NOT HWLOC_FOUND))
  set(ROCEKIT_PORTABLE ON)
endif()
if(NOT ROCEKIT_PORTABLE)
  return()
endif()

# A library is chosen when a program is linked, by the program's property ROCEKIT_STATIC.
function(rocekit_static_or_shared target)
  get_target_property(shared ${target} INTERFACE_LINK_LIBRARIES)
  set_target_properties(${target} PROPERTIES
                        INTERFACE_LINK_LIBRARIES "$<IF:$<BOOL:$<TARGET_PROPERTY:ROCEKIT_STATIC>>,${ARGN},${shared}>")
endfunction()

rocekit_static_or_shared(PkgConfig::LIBNL ${ROCEKIT_LIBNL_ARCHIVE})
rocekit_static_or_shared(rocekit_libcrypto ${ROCEKIT_CRYPTO_ARCHIVE})
if(HWLOC_FOUND)
  add_library(rocekit_udev_absent STATIC EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/udev_absent.cpp)
  rocekit_static_or_shared(PkgConfig::HWLOC ${ROCEKIT_HWLOC_ARCHIVE} rocekit_udev_absent)
endif()
# Debian has no libfmt.a: its headers have the sources.
add_library(rocekit_inside OBJECT EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/fmt_inside.cpp ${CMAKE_CURRENT_LIST_DIR}/glibc_newer.cpp)
target_link_libraries(rocekit_inside PRIVATE fmt::fmt)

# rocekit_portable_program(TOOL): into portable/bin of the build directory, of the same objects as the tool.
function(rocekit_portable_program tool)
  add_executable(${tool}-portable EXCLUDE_FROM_ALL $<TARGET_OBJECTS:${tool}> $<TARGET_OBJECTS:rocekit_inside>)
  get_target_property(libraries ${tool} LINK_LIBRARIES)
  target_link_libraries(${tool}-portable PRIVATE ${libraries})
  # --as-needed drops libfmt.so, which nothing asks for any more.
  target_link_options(${tool}-portable PRIVATE -static-libstdc++ -static-libgcc -Wl,--as-needed,--exclude-libs,ALL)
  set_target_properties(${tool}-portable PROPERTIES ROCEKIT_STATIC ON OUTPUT_NAME ${tool}
                        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/portable/bin)
endfunction()
