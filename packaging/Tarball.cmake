# A tarball that unpacks anywhere: build/packages/rocekit-VERSION-ARCHITECTURE.tar.gz.
foreach(tool ${tools})
  rocekit_portable_program(${tool})
endforeach()

string(REPLACE "~" "-" name "rocekit-${ROCEKIT_PACKAGE_VERSION}-${CMAKE_SYSTEM_PROCESSOR}")
# What is known now; MakeTarball.cmake fills in what the programs tell.
set(needed_glibc "@needed_glibc@")
configure_file(portable/README.in ${CMAKE_CURRENT_BINARY_DIR}/README.in @ONLY)

# Licences of what is linked in, as the packages that it came from state them.
string(REGEX MATCH "^[0-9]+" gcc_major ${CMAKE_CXX_COMPILER_VERSION})
set(licences fmt=libfmt-dev libnl=libnl-3-dev openssl=libssl-dev nlohmann-json=nlohmann-json3-dev CLI11=libcli11-dev
             libstdc++=libstdc++-${gcc_major}-dev)
if(HWLOC_FOUND)
  list(APPEND licences hwloc=libhwloc-dev)
endif()

add_custom_target(tarball
  COMMAND ${CMAKE_COMMAND} -D build=${CMAKE_BINARY_DIR} -D name=${name} -D source_date=${ROCEKIT_SOURCE_DATE}
          -D strip=${CMAKE_STRIP} -D objdump=${CMAKE_OBJDUMP} -D readme=${CMAKE_CURRENT_BINARY_DIR}/README.in
          "-D licences='${licences}'"
          -D output=${ROCEKIT_PACKAGES} -P ${CMAKE_CURRENT_SOURCE_DIR}/MakeTarball.cmake
  COMMENT "Packing ${name}.tar.gz"
  VERBATIM)
add_dependencies(tarball ${tools} ${modules})
foreach(tool ${tools})
  add_dependencies(tarball ${tool}-portable)
endforeach()
add_dependencies(packaged tarball)
