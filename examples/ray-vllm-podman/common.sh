# Shared by head, worker and serve: names, the gate, and the arguments that give a container RDMA.
# shellcheck shell=sh

# shellcheck disable=SC2034  # IMAGE, CONTAINER, HEAD_PORT and GPU are read by the scripts that source this
IMAGE=${IMAGE:-docker.io/vllm/vllm-openai:latest}
CONTAINER=${CONTAINER:-vllm-rdma}
HEAD_PORT=${HEAD_PORT:-6379}
MODELS=${MODELS:-$HOME/.cache/huggingface}
# How podman gives a container the GPUs (container device interface).
GPU=${GPU:---device=nvidia.com/gpu=all}

# The other nodes, as ssh knows them: "spark-2", or "spark-2,spark-3". With them head and serve measure all nodes together
# before they start anything; ssh must get there without a question, and roce-preflight must be installed there.
WORKERS=${WORKERS:-}

ROCE_PROBE=${ROCE_PROBE:-roce-probe}

die() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit "${2:-3}"
}

# pass_gate WHICH [OPTIONS]: ends the script with the gate's exit code when serving may not start. WHICH is "node", or
# "cluster" for this node and WORKERS; OPTIONS are for roce-preflight. ROCE_GATE is asked in its place where it is set.
pass_gate() {
  if [ -z "${ROCE_GATE:-}" ]; then
    ROCE_GATE="$ROCE_PROBE --fail-on crit"
    if [ "$1" = cluster ] && [ -n "$WORKERS" ]; then
      shift
      ROCE_GATE="roce-preflight --via ssh $WORKERS --fail-on crit $*"
    elif [ "$1" = cluster ]; then
      printf '%s: WORKERS names no other node: this one alone is checked.\n' "${0##*/}" >&2
    fi
  fi
  # shellcheck disable=SC2086  # a command and its arguments
  $ROCE_GATE >&2 || die "the gate ($ROCE_GATE) says no: nothing was started." $?
}

# The arguments of podman run, one a line, into RDMA.
read_rdma() {
  RDMA=$($ROCE_PROBE env --for podman --no-comments --fail-on crit) || die "no settings to serve with." $?
}

# start_container COMMAND...: in the background; its output stands in `podman logs`.
start_container() {
  # shellcheck disable=SC2086  # one argument a word, none holds a blank
  podman run --detach --replace --name "$CONTAINER" $GPU $RDMA \
    --volume "$MODELS:/root/.cache/huggingface" --entrypoint "" "$IMAGE" "$@"
}
