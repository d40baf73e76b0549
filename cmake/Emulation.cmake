# Tests of a cross build run its programs under CMAKE_CROSSCOMPILING_EMULATOR. CTest does so by itself for what it starts;
# what a test starts is started through a small script of the program's name in emulated/, laid out as the build
# directory is. So neither tests nor tools know of it, and the kernel need not be told of the emulator (binfmt_misc).

# rocekit_started_by_tests(RESULT TARGET FOLDER): the file by which a test starts the program of TARGET; FOLDER is the one of
# the build directory that the program is in.
function(rocekit_started_by_tests result target folder)
  if(NOT CMAKE_CROSSCOMPILING)
    set(${result} $<TARGET_FILE:${target}> PARENT_SCOPE)
    return()
  endif()
  set(script ${CMAKE_BINARY_DIR}/emulated/${folder}/${target})
  list(JOIN CMAKE_CROSSCOMPILING_EMULATOR "' '" emulator)
  file(GENERATE OUTPUT ${script} CONTENT "#!/bin/sh\nexec '${emulator}' -0 \"$0\" '$<TARGET_FILE:${target}>' \"$@\"\n"
       FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  set(${result} ${script} PARENT_SCOPE)
endfunction()
