#!/usr/bin/env bash
# Runs the simulation with fresh seeds for hours, one process on each core, optimised. Says what came of it, with the trace of
# a seed that broke a rule, and ends with 1 if one did. A seed is replayed by `simulation --seed N --trace`.
#
#   scripts/simulate.sh [HOURS]    an hour, if not said; 0.1 are six minutes
#
# Ctrl-C ends it.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case ${1:-} in
    -h | --help) sed -n '2,/^source/{/^source/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" && exit ;;
esac
seconds=$(awk -v hours="${1:-1}" 'BEGIN { print int(hours * 3600) }')
[ "$seconds" -gt 0 ] || die "a number of hours, such as 8 or 0.5"

install_packages "${build_packages[@]}" ccache catch2
build bench simulation
say "Simulating for $seconds s, $jobs processes"
processes=()
trap '[ ${#processes[@]} -eq 0 ] || kill "${processes[@]}" 2>/dev/null || true' EXIT
for ((i = 0; i < jobs; i++)); do
    "$root/build/bench/bin/simulation" --fresh --time "$seconds" >"$root/build/bench/simulation.$i.log" &
    processes+=($!)
done
failed=0
for ((i = 0; i < jobs; i++)); do
    wait "${processes[i]}" || failed=1
    cat "$root/build/bench/simulation.$i.log"
done
exit "$failed"
