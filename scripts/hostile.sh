#!/usr/bin/env bash
# Attacks a broker of the release build, in the full size of each attack: a gigabyte of frames, a hundred thousand sessions.
# Prints the figures that docs/SECURITY.md tells of. Some minutes.
#
#   scripts/hostile.sh [NAME…]    connections, floods, forged, garbage; all if none is named
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install_packages "${build_packages[@]}" python3 python3-zmq python3-msgpack

say "Building (build)"
build release rpc-broker rpc-worker rpc-call rpc-keygen

[ $# -gt 0 ] || set -- connections floods forged garbage
failed=0
for name in "$@"; do
    say "Attacks: $name"
    RPC_HOSTILE=full RPC_BIN=$root/build/bin PYTHONPATH=$root/tests/support PYTHONDONTWRITEBYTECODE=1 \
        /usr/bin/python3 "$root/tests/integration/hostile/${name}_test.py" || failed=1
done
exit "$failed"
