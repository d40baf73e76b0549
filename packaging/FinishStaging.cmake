# Run by cpack on what it is about to pack: compressed where Debian wants it so, and with the commit's time.
file(GLOB_RECURSE compressed LIST_DIRECTORIES false
     ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/*.8 ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/changelog)
foreach(file ${compressed})
  execute_process(COMMAND gzip -9nf ${file} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
# Folders that install() makes on the way have the rights that the umask leaves.
execute_process(COMMAND find ${CPACK_TEMPORARY_INSTALL_DIRECTORY} -type d -exec chmod 755 {} + COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND find ${CPACK_TEMPORARY_INSTALL_DIRECTORY} -exec touch -h -d "@$ENV{SOURCE_DATE_EPOCH}" {} +
                COMMAND_ERROR_IS_FATAL ANY)

# One version of the packages lies where they go.
file(GLOB older ${CPACK_OUTPUT_FILE_PREFIX}/rocekit*_${CPACK_DEBIAN_PACKAGE_ARCHITECTURE}.deb)
foreach(file ${older})
  file(REMOVE ${file})
endforeach()

if(EXISTS ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/mpi)
  include(${CMAKE_CURRENT_LIST_DIR}/ModulesDepends.cmake)
endif()
