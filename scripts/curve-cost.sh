#!/usr/bin/env bash
# What encryption costs: rpc-bench against a broker with keys and one without, in turns, on the release build. A minute.
#
#   scripts/curve-cost.sh [--rounds N] [--seconds S]
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install_packages "${build_packages[@]}" python3 python3-zmq python3-msgpack

say "Building (build)"
build release rpc-broker rpc-worker rpc-bench rpc-keygen

RPC_BIN=$root/build/bin PYTHONPATH=$root/tests/support PYTHONDONTWRITEBYTECODE=1 \
    exec /usr/bin/python3 "$root/tests/bench/curve_cost.py" "$@"
