# One version, from git: the tag v1.2.3, or 0.1.0 with the commit where no tag is reached (a tarball has neither).
set(ROCEKIT_VERSION_NUMBER 0.1.0)
set(ROCEKIT_COMMIT "unknown")
find_package(Git QUIET)
if(GIT_FOUND AND EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/.git)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${CMAKE_CURRENT_SOURCE_DIR} describe --tags --match "v[0-9]*" --abbrev=0
                  OUTPUT_VARIABLE tag OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE no_tag)
  if(no_tag EQUAL 0 AND tag MATCHES "^v([0-9]+\\.[0-9]+\\.[0-9]+)$")
    set(ROCEKIT_VERSION_NUMBER ${CMAKE_MATCH_1})
  endif()
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${CMAKE_CURRENT_SOURCE_DIR} rev-parse --short=12 HEAD
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE no_commit)
  if(no_commit EQUAL 0)
    set(ROCEKIT_COMMIT ${commit})
    # A new commit configures again, so that --version tells the truth.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/.git/logs/HEAD)
  endif()
endif()
# The date of the manuals: of the commit, or SOURCE_DATE_EPOCH.
set(ROCEKIT_DATE "")
if(NOT DEFINED ENV{SOURCE_DATE_EPOCH} AND GIT_FOUND AND EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/.git)
  execute_process(COMMAND ${CMAKE_COMMAND} -E env TZ=UTC0 ${GIT_EXECUTABLE} -C ${CMAKE_CURRENT_SOURCE_DIR} log -1 --format=%cd --date=format-local:%Y-%m-%d
                  OUTPUT_VARIABLE ROCEKIT_DATE OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT ROCEKIT_DATE)
  string(TIMESTAMP ROCEKIT_DATE "%Y-%m-%d" UTC)
endif()
