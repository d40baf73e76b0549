#!/usr/bin/env bash
# Shared by ./quickstart and ./check: what must be installed, and how a build step fails in one sentence.
# Run by itself, it installs: `packaging/prepare.sh` what a build for this machine needs, `packaging/prepare.sh aarch64`
# what the aarch64 preset needs on an x86-64 machine, `packaging/prepare.sh packages` all that packages and their tests need.

# What the build needs, by the names of Debian 12 and Ubuntu 24.04.
BUILD_PACKAGES=(g++ cmake ninja-build pkg-config git python3 libfmt-dev libcli11-dev nlohmann-json3-dev libnl-3-dev
                libnl-route-3-dev libibverbs-dev ibverbs-providers libhwloc-dev libssl-dev libopenmpi-dev)
# What the checks need on top.
# shellcheck disable=SC2034 # used by ./check
CHECK_PACKAGES=(libgtest-dev libgmock-dev libbenchmark-dev clang libclang-rt-dev clang-format cppcheck shellcheck python3-jsonschema python3-yaml ccache groff-base mandoc podman crun)
# The unit tests look at real netdevs and at RDMA tools' output.
# shellcheck disable=SC2034 # used by ./check
TEST_PACKAGES=(rdma-core iproute2 ethtool)
# What a build for aarch64 on x86-64 needs besides: the compiler, and the target's libraries by multiarch. Headers without
# code (CLI11, nlohmann-json) are those of BUILD_PACKAGES. qemu-user runs the tests.
CROSS_PACKAGES=(g++-aarch64-linux-gnu libfmt-dev:arm64 libnl-3-dev:arm64 libnl-route-3-dev:arm64 libibverbs-dev:arm64
                ibverbs-providers:arm64 libhwloc-dev:arm64 libssl-dev:arm64 libgtest-dev:arm64 libgmock-dev:arm64
                libbenchmark-dev:arm64 qemu-user-static)
# What making packages and trying them in fresh roots needs.
PACKAGING_PACKAGES=(dpkg-dev file lintian mmdebstrap gpg buildah)
# Where packages are unpacked that cannot be installed for two architectures (cmake/CrossMpi.cmake).
CROSS_UNPACKED=build-cross-packages

MINIMUM_FREE_MB=3000

say() { printf '%s\n' "$*" >&2; }

die() {
  say "${0##*/}: $*"
  exit 3
}

# NAME is this machine's, whatever other architectures have a package of that name; NAME:ARCHITECTURE is that one.
is_installed() {
  local own
  own=$(dpkg --print-architecture)
  dpkg-query -W -f '${Architecture} ${db:Status-Status}\n' "$1" 2>/dev/null |
    if [[ $1 = *:* ]]; then grep -q ' installed$'; else grep -qxE "($own|all) installed"; fi
}

missing_packages() {
  local package
  for package in "$@"; do is_installed "$package" || printf '%s\n' "$package"; done
}

lab_packages() {
  # The lab is a Python program; where Python is not installed yet, it comes with the build's packages first.
  command -v python3 >/dev/null && lab/roce-lab packages
}

require_disk_space() {
  local free
  free=$(df --output=avail -m . | tail -n 1 | tr -d ' ')
  [ "$free" -ge "$MINIMUM_FREE_MB" ] ||
    die "only ${free} MB are free in $PWD, a build with the lab needs ${MINIMUM_FREE_MB} MB: free some space and run it again."
}

# The words to put before a command that needs root; nothing for root itself.
root_prefix() {
  [ "$(id -u)" != 0 ] || return 0
  command -v sudo >/dev/null ||
    die "installing packages needs root, and there is no sudo: run this as root, or install them yourself and use --no-install."
  echo sudo
}

# apt's failures in one sentence; its own words stay in the log.
explain_apt_failure() {
  local log=$1
  if grep -qiE 'Temporary failure resolving|Could not resolve|Could not connect|Network is unreachable|Failed to fetch' "$log"; then
    die "apt cannot reach its package servers (see $log): check the network, or install the packages above by other means and use --no-install."
  elif grep -qiE 'No space left on device|enough free space' "$log"; then
    die "apt ran out of disk space (see $log): free some space and run it again."
  elif grep -qE 'Unable to locate package|has no installation candidate' "$log"; then
    die "apt does not know $(grep -oE "(Unable to locate package|Package '?)[^ ']*.*" "$log" | head -n 1 | sed -E "s/Unable to locate package //; s/^Package '?([^ ']*).*/\1/"): Debian 12 and Ubuntu 24.04 (with 'universe') have it; check /etc/apt/sources.list."
  elif grep -qiE 'Could not get lock|Unable to acquire the dpkg' "$log"; then
    die "another apt or dpkg is running (see $log): wait for it and run this again."
  elif grep -qiE 'Permission denied|are you root' "$log"; then
    die "no permission to install packages (see $log): run this as root or with sudo."
  fi
  die "apt failed: $(grep -E '^E:' "$log" | head -n 1) (all of it in $log)."
}

install_packages() {
  local missing log prefix
  command -v apt-get >/dev/null || die "there is no apt-get here: install the packages named in packaging/prepare.sh by your system's means and use --no-install."
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  say "These packages are needed and will be installed with apt:"
  say "  ${missing[*]}"
  prefix=$(root_prefix) || exit
  log=$(mktemp "${TMPDIR:-/tmp}/rocekit-apt.XXXXXX")
  # A fresh machine has no package lists, and a stale list ends in 404. One broken source among several is no reason to
  # stop here: whether the packages can be had is what counts.
  $prefix env DEBIAN_FRONTEND=noninteractive apt-get update >"$log" 2>&1 || true
  $prefix env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1 ||
    explain_apt_failure "$log"
  rm -f "$log"
}

require_tools() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || die "$tool is not installed: run without --no-install, or install it and run again."
  done
}

configure_and_build() {
  local preset=$1 log
  shift
  [ -w . ] || die "no permission to write in $PWD: build in a directory of your own."
  log=$(mktemp "${TMPDIR:-/tmp}/rocekit-build.XXXXXX")
  if ! cmake --preset "$preset" "$@" >"$log" 2>&1; then
    grep -vE '^--' "$log" >&2
    die "CMake could not configure the $preset preset (all of it in $log)."
  fi
  sed -n '/-- rocekit /,/-- Configuring done/p' "$log" | grep -v 'Configuring done' | sed 's/^-- //' >&2
  if ! cmake --build --preset "$preset" >"$log" 2>&1; then
    if grep -q 'No space left on device' "$log"; then die "the disk is full: free some space and run it again."; fi
    tail -n 40 "$log" >&2
    die "the $preset build failed (all of it in $log)."
  fi
  rm -f "$log"
}

# The packages of CROSS_PACKAGES, and Open MPI's unpacked beside the build directories.
install_cross_packages() {
  local log prefix
  [ "$(uname -m)" = x86_64 ] || die "cross-compiling is for x86-64 machines; here, the release preset builds for $(uname -m) itself."
  command -v apt-get >/dev/null || die "there is no apt-get here: the aarch64 preset takes the target's libraries from Debian's or Ubuntu's packages."
  if ! dpkg --print-foreign-architectures | grep -qx arm64; then
    prefix=$(root_prefix) || exit
    say "dpkg will take packages of arm64 from now on (dpkg --add-architecture arm64)."
    $prefix dpkg --add-architecture arm64
  fi
  # A list of packages that came before the architecture has none of its packages.
  if [ -z "$(apt-cache show libfmt-dev:arm64 2>/dev/null)" ]; then
    prefix=$(root_prefix) || exit
    log=$(mktemp "${TMPDIR:-/tmp}/rocekit-apt.XXXXXX")
    $prefix apt-get update >"$log" 2>&1 || true
    if [ -z "$(apt-cache show libfmt-dev:arm64 2>/dev/null)" ]; then
      # shellcheck source=/dev/null
      if (. /etc/os-release && [[ " $ID ${ID_LIKE-} " == *" ubuntu "* ]]); then
        die "apt knows no packages for arm64: Ubuntu keeps them in its Ports archive, which docs/aarch64.md (\"On Ubuntu\") tells how to add."
      fi
      explain_apt_failure "$log"
    fi
    rm -f "$log"
  fi
  install_packages "${CROSS_PACKAGES[@]}"
  unpack_cross_mpi
}

# Without Open MPI the build leaves its modules out, and says so: no reason to stop.
unpack_cross_mpi() {
  local target=$CROSS_UNPACKED/aarch64-linux-gnu library folder
  [ ! -e "$target" ] || return 0
  library=$(apt-cache depends --important libopenmpi-dev:arm64 2>/dev/null | sed -n 's/.*Depends: \(libopenmpi[0-9][0-9a-z]*:arm64\)$/\1/p' | head -n 1)
  folder=$(mktemp -d "${TMPDIR:-/tmp}/rocekit-openmpi.XXXXXX")
  # apt's sandbox user may not write into a folder of root's.
  chmod 755 "$folder"
  if [ -n "$library" ] && (cd "$folder" && apt-get -o APT::Sandbox::User=root download libopenmpi-dev:arm64 "$library") >"$folder/log" 2>&1; then
    mkdir -p "$folder/all" "$CROSS_UNPACKED"
    for package in "$folder"/*.deb; do dpkg -x "$package" "$folder/all"; done
    mv "$folder/all" "$target"
  else
    say "Open MPI for arm64 cannot be fetched ($(grep -m 1 '^E:' "$folder/log" 2>/dev/null || echo 'apt does not know it')): its modules will be left out."
  fi
  rm -rf "$folder"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  cd "$(dirname "$(readlink -f "$0")")/.."
  case ${1-} in
    '') install_packages "${BUILD_PACKAGES[@]}" ;;
    aarch64)
      install_packages "${BUILD_PACKAGES[@]}"
      install_cross_packages
      ;;
    packages)
      install_packages "${BUILD_PACKAGES[@]}" "${PACKAGING_PACKAGES[@]}"
      [ "$(dpkg --print-architecture)" = arm64 ] || install_cross_packages
      ;;
    *)
      say "usage: packaging/prepare.sh [aarch64 | packages]"
      die "unknown target '$1'."
      ;;
  esac
fi
