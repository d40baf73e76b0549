# The time that everything in a package carries, and the packages' version: both follow from the commit, so that the same
# commit gives the same bytes.
set(ROCEKIT_SOURCE_DATE "$ENV{SOURCE_DATE_EPOCH}")
# At the tag itself the version is the tag's. Between tags it sorts after the last one; before the first, ahead of it.
set(ROCEKIT_PACKAGE_VERSION ${PROJECT_VERSION})
if(GIT_FOUND AND EXISTS ${PROJECT_SOURCE_DIR}/.git)
  execute_process(COMMAND ${CMAKE_COMMAND} -E env TZ=UTC0 ${GIT_EXECUTABLE} -C ${PROJECT_SOURCE_DIR} log -1
                          --format=%ct/%cd --date=format-local:%Y%m%d.%H%M%S
                  OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(date MATCHES "^([0-9]+)/(.+)$")
    if(ROCEKIT_SOURCE_DATE STREQUAL "")
      set(ROCEKIT_SOURCE_DATE ${CMAKE_MATCH_1})
    endif()
    execute_process(COMMAND ${GIT_EXECUTABLE} -C ${PROJECT_SOURCE_DIR} describe --tags --match "v[0-9]*" --long
                    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(NOT described)
      set(ROCEKIT_PACKAGE_VERSION "${PROJECT_VERSION}~git${CMAKE_MATCH_2}.${ROCEKIT_COMMIT}")
    elseif(NOT described MATCHES "-0-g[0-9a-f]+$")
      set(ROCEKIT_PACKAGE_VERSION "${PROJECT_VERSION}+git${CMAKE_MATCH_2}.${ROCEKIT_COMMIT}")
    endif()
  endif()
endif()
if(ROCEKIT_SOURCE_DATE STREQUAL "")
  # Sources without git and without SOURCE_DATE_EPOCH: 1980, the first year that every archive format knows.
  set(ROCEKIT_SOURCE_DATE 315532800)
endif()
