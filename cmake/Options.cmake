option(ROCEKIT_TESTS "Build the tests" ON)
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  # Nothing that is built could be run.
  set(ROCEKIT_TESTS OFF)
endif()
option(ROCEKIT_TESTS_SHARED_OUT "Build only the unit tests that the fuzz preset leaves out, as ./check runs both builds" OFF)
option(ROCEKIT_FUZZ "Build the libFuzzer targets (needs clang)" OFF)
option(ROCEKIT_WERROR "Treat warnings as errors" OFF)
option(ROCEKIT_PRECOMPILED_HEADERS "Compile what most sources include once, and the unit tests of a room together: a third faster, but hides includes that are missing" OFF)
set(ROCEKIT_SANITIZE "" CACHE STRING "Sanitizers for all targets: address,undefined or thread")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# A node is read once and judged once: code that runs once is fastest when it is small. Rooms that measure are compiled with -O3.
set(CMAKE_CXX_FLAGS_RELEASE "-Os -DNDEBUG")

add_library(rocekit_options INTERFACE)
target_include_directories(rocekit_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(rocekit_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                       -Wnon-virtual-dtor -Woverloaded-virtual)
if(ROCEKIT_WERROR)
  target_compile_options(rocekit_options INTERFACE -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # What GCC's optimiser suspects of std::string and std::optional differs in each version and at each level, and is mostly
    # its own bug (GCC 105651 for -Wrestrict): seen, but no reason to end a build.
    target_compile_options(rocekit_options INTERFACE -Wno-error=maybe-uninitialized -Wno-error=restrict -Wno-error=array-bounds
                           -Wno-error=stringop-overflow -Wno-error=stringop-overread)
  endif()
endif()
if(ROCEKIT_SANITIZE)
  target_compile_options(rocekit_options INTERFACE -fsanitize=${ROCEKIT_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(rocekit_options INTERFACE -fsanitize=${ROCEKIT_SANITIZE})
endif()

if(ROCEKIT_FUZZ)
  target_compile_options(rocekit_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(ROCEKIT_PRECOMPILED_HEADERS)
  add_library(rocekit_headers STATIC ${CMAKE_CURRENT_LIST_DIR}/headers.cpp)
  target_link_libraries(rocekit_headers PUBLIC rocekit_options fmt::fmt)
  target_precompile_headers(rocekit_headers PRIVATE <fmt/format.h> <algorithm> <chrono> <filesystem> <functional> <map>
                            <memory> <optional> <span> <string> <string_view> <vector>)
endif()

# rocekit_room(NAME SOURCES... [MEASURES]): the library of a room; one that measures is compiled for speed.
function(rocekit_room name)
  cmake_parse_arguments(arg "MEASURES" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC rocekit_options ${arg_LINK} PRIVATE ${arg_PRIVATE_LINK})
  if(arg_MEASURES)
    target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O3>)
  endif()
  # Precompiled headers are of one level of optimisation.
  if(ROCEKIT_PRECOMPILED_HEADERS AND NOT (arg_MEASURES AND CMAKE_BUILD_TYPE STREQUAL "Release"))
    # GCC takes them only where the macros are the same, fmt's among them.
    target_link_libraries(${name} PRIVATE fmt::fmt)
    target_precompile_headers(${name} REUSE_FROM rocekit_headers)
  endif()
endfunction()
