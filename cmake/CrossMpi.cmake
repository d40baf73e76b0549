# Open MPI of the target. Its packages cannot be installed beside this machine's own (libpmix needs libmunge2, which is not
# multiarch), so packaging/prepare.sh only unpacks them: the modules are linked with libmpi.so and never run here. FindMPI
# is no help: it asks this machine's mpicxx, and takes that one's libraries.
set(ROCEKIT_CROSS_MPI "${PROJECT_SOURCE_DIR}/build-cross-packages/${CMAKE_LIBRARY_ARCHITECTURE}" CACHE PATH
    "Where libopenmpi-dev and libopenmpi of the target are unpacked; without them the MPI modules are left out")
set(mpi_folder ${ROCEKIT_CROSS_MPI}/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openmpi)
set(MPI_CXX_FOUND FALSE)
if(EXISTS ${mpi_folder}/include/mpi.h AND EXISTS ${mpi_folder}/lib/libmpi.so)
  set(MPI_CXX_FOUND TRUE)
  add_library(MPI::MPI_CXX INTERFACE IMPORTED)
  set_target_properties(MPI::MPI_CXX PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${mpi_folder}/include
                        INTERFACE_LINK_LIBRARIES ${mpi_folder}/lib/libmpi.so)
  # What libmpi.so itself needs is resolved where it runs.
  target_link_options(MPI::MPI_CXX INTERFACE -Wl,--allow-shlib-undefined)
endif()

# A path of this checkout would leave its length behind in what is installed: the same commit is to give the same bytes.
set(CMAKE_SKIP_BUILD_RPATH ON)
