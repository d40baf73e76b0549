# aarch64 from x86-64, with the cross compiler and the multiarch packages (:arm64) of Debian and Ubuntu, which
# `packaging/prepare.sh aarch64` installs. The programs made here run under qemu-user where it is installed.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

find_program(ROCEKIT_CROSS_CXX NAMES aarch64-linux-gnu-g++ aarch64-linux-gnu-g++-13 aarch64-linux-gnu-g++-12)
if(NOT ROCEKIT_CROSS_CXX)
  message(FATAL_ERROR "aarch64-linux-gnu-g++ was not found. Install it: apt install g++-aarch64-linux-gnu (or run packaging/prepare.sh aarch64, which installs all that is needed).")
endif()
set(CMAKE_CXX_COMPILER ${ROCEKIT_CROSS_CXX})

# Multiarch keeps both architectures' libraries in one tree: /usr/lib/aarch64-linux-gnu is found by the library
# architecture, and this machine's own /usr/lib/x86_64-linux-gnu is not looked into. Headers and CMake packages without
# code (CLI11, nlohmann-json) are shared by both.
set(CMAKE_FIND_ROOT_PATH /)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)
# Replaces pkg-config's own folders, which are those of this machine.
set(ENV{PKG_CONFIG_LIBDIR} "/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig")
set(ENV{PKG_CONFIG_PATH} "")

# Builds documentation from the tools' own tables, discovers and runs tests. libc6:arm64 brings the loader that
# programs ask for, /lib/ld-linux-aarch64.so.1; no sysroot has to be named.
find_program(ROCEKIT_QEMU_USER NAMES qemu-aarch64-static qemu-aarch64 DOC "Runs aarch64 programs on this machine")
if(ROCEKIT_QEMU_USER)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${ROCEKIT_QEMU_USER})
endif()
