#!/usr/bin/env bash
# Mixed load with faults for hours, on the release build: does memory or anything else grow, does any call fail that no
# fault explains? Says at the end what came of it, and ends with 1 if anything was wrong.
#
#   scripts/soak.sh [HOURS] [--rate N] [--seed N] [--directory DIR]
#
# If not said: an hour, 300 calls a second from each of four clients, a fresh seed and a directory in /tmp.
#
# What it does and what counts as explained is in tests/integration/chaos/soak.py. Ctrl-C ends it and all that it started.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install_packages "${build_packages[@]}" "${test_packages[@]}"
build_chaos
run_chaos soak.py "$@"
