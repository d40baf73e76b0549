# Shared by head, worker and serve: names, the gate, and the arguments that give a container RDMA.
# shellcheck shell=sh

# shellcheck disable=SC2034  # IMAGE, CONTAINER, HEAD_PORT and GPU are read by the scripts that source this
IMAGE=${IMAGE:-docker.io/vllm/vllm-openai:latest}
CONTAINER=${CONTAINER:-vllm-rdma}
HEAD_PORT=${HEAD_PORT:-6379}
MODELS=${MODELS:-$HOME/.cache/huggingface}
# How podman gives a container the GPUs (container device interface).
GPU=${GPU:---device=nvidia.com/gpu=all}

# What decides whether the node may serve: exit code 0 starts it.
ROCE_GATE=${ROCE_GATE:-roce-probe --fail-on crit}
ROCE_PROBE=${ROCE_PROBE:-roce-probe}

die() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit "${2:-3}"
}

# Ends the script with the gate's exit code when the node is not fit.
pass_gate() {
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
