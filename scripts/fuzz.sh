#!/usr/bin/env bash
# Feeds the fuzz targets of tests/fuzz (libFuzzer, with the address and undefined-behaviour sanitizers) with inputs made from
# the corpus there and from what earlier runs found; says what came of each, and ends with 1 if anything was found.
#
#   scripts/fuzz.sh [--time HOURS] [TARGET…]    an hour each, and all targets, if not said
#   scripts/fuzz.sh --ci [TARGET…]              twenty seconds each
#   scripts/fuzz.sh --merge [TARGET…]           only writes the smallest corpus that covers as much into tests/fuzz/corpus
#
# A target takes a core, and as many run at once as there are cores. What a run learns stays in build/fuzz/corpus, what it
# finds in build/fuzz/findings, what it says in build/fuzz/TARGET.log. A finding goes into tests/fuzz/corpus/TARGET as
# found-WHAT once it is mended: every build runs that corpus as tests.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

all_targets=(message_fuzz convert_fuzz text_fuzz flags_fuzz json_fuzz keys_fuzz broker_fuzz worker_fuzz client_fuzz gob_fuzz gateway_fuzz)
fuzz=$root/build/fuzz
seeds=$root/tests/fuzz/corpus

usage() {
    sed -n '2,/^source/{/^source/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
}

# The longest input: programs of steps are longer than texts and messages.
longest() {
    case $1 in
    broker_fuzz | worker_fuzz | client_fuzz | gateway_fuzz) echo 600 ;;
    *) echo 256 ;;
    esac
}

# run_target TARGET SECONDS: what libFuzzer says goes to the log.
run_target() {
    local target=$1
    mkdir -p "$fuzz/corpus/$target" "$fuzz/findings/$target"
    "$fuzz/bin/$target" -max_total_time="$2" -max_len="$(longest "$target")" -dict="$root/tests/fuzz/rpcbroker.dict" \
        -timeout=30 -print_funcs=0 -print_final_stats=1 -artifact_prefix="$fuzz/findings/$target/" \
        "$fuzz/corpus/$target" "$seeds/$target" >"$fuzz/$target.log" 2>&1
}

# The last number that stands behind a word in the log of a target, or "?".
figure() {
    local found
    found=$(grep -aoE "$2:? +[0-9]+" "$fuzz/$1.log" | tail -n 1 | grep -oE '[0-9]+$') || true
    echo "${found:-?}"
}

# report TARGET SECONDS STATUS: a line; more where something was found.
report() {
    local target=$1
    printf '%-14s %12s executions in %6s s, %6s edges, %6s features: %s\n' "$target" \
        "$(figure "$target" stat::number_of_executed_units)" "$2" "$(figure "$target" cov)" "$(figure "$target" ft)" \
        "$([ "$3" -eq 0 ] && echo 'nothing found' || echo 'FOUND SOMETHING')"
    [ "$3" -ne 0 ] || return 0
    grep -aE 'VIOLATION|ERROR:|SUMMARY|runtime error' "$fuzz/$target.log" | sed 's/^/    /' || tail -n 5 "$fuzz/$target.log"
    local input
    input=$(grep -aoE 'Test unit written to .*' "$fuzz/$target.log" | tail -n 1 | cut -d' ' -f5) || true
    [ -z "$input" ] || printf '    again: build/fuzz/bin/%s %s\n    as text: %s\n' "$target" "$input" "$(base64 -w0 "$input")"
}

# One after the other would take as many times longer as there are cores: a target begins when another has ended.
fuzz_all() {
    local seconds=$1 target
    shift
    rm -f "$fuzz"/*.status
    for target in "$@"; do
        [ "$(jobs -rp | wc -l)" -lt "$jobs" ] || wait -n || true
        {
            SECONDS=0
            run_target "$target" "$seconds" && status=0 || status=1
            echo "$status $SECONDS" >"$fuzz/$target.status"
        } &
    done
    wait
    local found=0 status took
    for target in "$@"; do
        read -r status took <"$fuzz/$target.status"
        report "$target" "$took" "$status"
        [ "$status" -eq 0 ] || found=1
    done
    return "$found"
}

# Only which branches are taken counts, not how often: a corpus in the repository is to be small.
merge_corpus() {
    local target old
    for target in "$@"; do
        old=$(mktemp -d)
        mv "$seeds/$target" "$old/seeds"
        mkdir -p "$seeds/$target" "$fuzz/corpus/$target"
        "$fuzz/bin/$target" -set_cover_merge=1 -use_counters=0 -use_cmp=0 "$seeds/$target" "$old/seeds" \
            "$fuzz/corpus/$target" >"$fuzz/$target.log" 2>&1
        find "$old/seeds" -name 'found-*' -exec cp {} "$seeds/$target" \;
        rm -r "$old"
        printf '%-14s %6s inputs\n' "$target" "$(find "$seeds/$target" -type f | wc -l)"
    done
}

seconds=3600
merge=
while [ $# -gt 0 ]; do
    case $1 in
    --ci) seconds=20 ;;
    --merge) merge=yes ;;
    --time)
        seconds=$(awk -v hours="${2:-}" 'BEGIN { print int(hours * 3600) }')
        [ "$seconds" -gt 0 ] || die "--time: a number of hours, such as 8 or 0.5"
        shift
        ;;
    -h | --help) usage && exit ;;
    -*) die "$1: no such flag; see $0 --help" ;;
    *) break ;;
    esac
    shift
done
targets=("${all_targets[@]}")
[ $# -eq 0 ] || targets=("$@")
for target in "${targets[@]}"; do
    [ -d "$seeds/$target" ] || die "$target: no such target; there are ${all_targets[*]}"
done

install_packages "${build_packages[@]}" "${fuzz_packages[@]}" ccache catch2
build fuzz "${targets[@]}"
if [ -n "$merge" ]; then
    merge_corpus "${targets[@]}"
else
    say "Fuzzing ${#targets[@]} targets, $seconds s each, $jobs at once"
    fuzz_all "$seconds" "${targets[@]}"
fi
