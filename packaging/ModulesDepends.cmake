# Dependencies of rocekit-mpi, by dpkg-shlibdeps as cpack calls it for the others. cpack takes a module for a library and
# would have ldconfig called at installation. And of a cross build Open MPI is unpacked, not installed
# (cmake/CrossMpi.cmake), so that dpkg has to be told the package of its library.
file(GLOB modules ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/mpi/usr/lib/rocekit/*.so)
set(place ${CPACK_TOPLEVEL_DIRECTORY}/shlibdeps)
file(WRITE ${place}/debian/control "")
set(told)
if(ROCEKIT_CROSS_MPI)
  file(GLOB package ${ROCEKIT_CROSS_MPI}/usr/share/doc/libopenmpi[0-9]*)
  file(GLOB library ${ROCEKIT_CROSS_MPI}/usr/lib/*/libmpi.so.40)
  get_filename_component(package ${package} NAME)
  get_filename_component(folder ${library} DIRECTORY)
  file(WRITE ${place}/debian/shlibs.local "libmpi 40 ${package}\n")
  set(told -l${folder})
endif()
# It warns that the modules lie in no package that debhelper made.
execute_process(COMMAND dpkg-shlibdeps -O ${told} ${modules} WORKING_DIRECTORY ${place}
                OUTPUT_VARIABLE computed OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_VARIABLE said RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "The dependencies of the MPI modules could not be computed:\n${said}")
endif()
string(REGEX REPLACE "^shlibs:Depends=" "" computed "${computed}")
set(CPACK_DEBIAN_MPI_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_MPI_PACKAGE_DEPENDS "${computed}, ${CPACK_DEBIAN_MPI_PACKAGE_DEPENDS}")
