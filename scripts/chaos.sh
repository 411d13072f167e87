#!/usr/bin/env bash
# The real programs under load while they are killed, stopped and started again, on the release build; the history of all
# calls is checked afterwards. Says what came of it, and ends with 1 if the promise was broken.
#
#   scripts/chaos.sh storms [--seconds 600]   faults at random; as the test in CI, for longer
#   scripts/chaos.sh kills [--rounds 200]     kill -9 of the broker or a worker, with a thousand calls in flight
#   scripts/chaos.sh brokers [--rounds 50]    the same of one of two brokers, in turn
#
# Each takes --seed N and --directory DIR, too. Ctrl-C ends it and all that it started.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
what=${1:-}
[ $# -eq 0 ] || shift
case $what in
    storms) program=chaos.py ;;
    kills | brokers)
        program=rounds.py
        set -- "$what" "$@"
        ;;
    *) sed -n '2,/^source/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
install_packages "${build_packages[@]}" "${test_packages[@]}"
build_chaos
run_chaos "$program" "$@"
