#!/usr/bin/env bash
# replay.sh SIMULATION FROM TO: seeds that run one after the other in one process, twice each, have the traces that they have
# alone in processes of their own, where all addresses are others: what fails in a range of seeds fails by itself.
set -euo pipefail
simulation=$1 from=$2 to=$3
together=$("$simulation" --seeds "$from..$to" --twice --hashes) || {
    echo "$together"
    exit 1
}
alone=$(for seed in $(seq "$from" "$to"); do "$simulation" --seed "$seed" --hashes; done | grep '^seed .* hash ')
diff <(grep '^seed .* hash ' <<<"$together") <(echo "$alone") && echo "the same"
