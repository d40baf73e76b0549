#!/usr/bin/env bash
# roce-probe against the commands it replaces, on this node, in turns within one run:
# ibv_devinfo -v, rdma link, ip -s link, and ethtool for each netdev of an RDMA device.
#
#   live-node.sh [--limits] [ROCE_PROBE [ROUNDS]]
#
# Prints both medians and their ratio; with --limits it fails when roce-probe is the slower one.
# In the lab: lab/roce-lab run --node 1 -- tests/speed/live-node.sh
set -euo pipefail

die() {
  printf 'live-node.sh: %s\n' "$*" >&2
  exit 3
}

limits=no
if [ "${1:-}" = --limits ]; then
  limits=yes
  shift
fi
probe=${1:-$(dirname "$(readlink -f "$0")")/../../build/bin/roce-probe}
rounds=${2:-7}
[ -x "$probe" ] || die "$probe: not there; build it first, or give its path."
[[ $rounds =~ ^[1-9][0-9]*$ ]] || die "ROUNDS must be a positive number, not '$rounds'."
PATH=$PATH:/usr/sbin:/sbin
for tool in ibv_devinfo rdma ip ethtool; do
  command -v "$tool" >/dev/null || die "$tool is not installed, so there is nothing to compare with (packages: ibverbs-utils iproute2 ethtool)."
done

# The commands lie on the node's own disk; in the lab the build tree is a network file system that is read anew each time.
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cp "$probe" "$directory/"
probe=$directory/${probe##*/}

netdevs=()
for device in /sys/class/infiniband/*; do
  [ -e "$device" ] || die "this node has no RDMA device; run it in the lab: lab/roce-lab run --node 1 -- $0"
  for netdev in "$device"/ports/*/gid_attrs/ndevs/0; do
    name=$(cat "$netdev" 2>/dev/null) && netdevs+=("$name")
  done
done

# What the two sides run; each ends with what it found, the time alone counts.
by_probe() { "$probe" >/dev/null 2>&1 || true; }
by_commands() {
  ibv_devinfo -v >/dev/null 2>&1 || true
  rdma link >/dev/null 2>&1 || true
  ip -s link >/dev/null 2>&1 || true
  local netdev
  for netdev in "${netdevs[@]}"; do ethtool "$netdev" >/dev/null 2>&1 || true; done
}

# microseconds "$@" takes
took() {
  local before=${EPOCHREALTIME//[.,]/}
  "$@"
  local after=${EPOCHREALTIME//[.,]/}
  printf '%s\n' $((after - before))
}

median() { sort -n | awk '{ row[NR] = $1 } END { print (row[int((NR + 1) / 2)] + row[int(NR / 2) + 1]) / 2 }'; }

"$probe" >/dev/null 2>&1 && code=0 || code=$?
[ "$code" -le 2 ] || die "$probe could not check this node (exit code $code); run it by hand to see why."
by_commands
probe_times=()
command_times=()
for ((round = 0; round < rounds; round++)); do
  # Who goes first changes from round to round, so that neither always finds what the other left in the caches.
  if ((round % 2)); then
    command_times+=("$(took by_commands)")
    probe_times+=("$(took by_probe)")
  else
    probe_times+=("$(took by_probe)")
    command_times+=("$(took by_commands)")
  fi
done

probe_median=$(printf '%s\n' "${probe_times[@]}" | median)
command_median=$(printf '%s\n' "${command_times[@]}" | median)
awk -v probe="$probe_median" -v commands="$command_median" -v rounds="$rounds" -v limits="$limits" -v netdevs="${netdevs[*]}" 'BEGIN {
  printf "roce-probe:                                            median %.1f ms of %d rounds\n", probe / 1000, rounds
  printf "ibv_devinfo -v, rdma link, ip -s link, ethtool %s: median %.1f ms\n", netdevs, commands / 1000
  printf "ratio: %.2f (at most 1 is wanted)\n", probe / commands
  exit limits == "yes" && probe > commands
}'
