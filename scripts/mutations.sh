#!/usr/bin/env bash
# Shows that the simulation finds bugs: puts those of tests/simulation/mutations into a copy of the sources (build/mutations),
# one after the other, and lets the simulation run seeds until one fails. Says which rule was broken, and when; ends with 1 if
# a bug was not found, or if the sources as they are fail.
#
#   scripts/mutations.sh [--time SECONDS] [NAME…]    a minute each, and all of them, if not said; NAME may be a beginning
#
# Seconds are of one processor's time, so that it does not matter what else the machine does.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mutations=$root/tests/simulation/mutations
copy=$root/build/mutations/tree
build=$root/build/mutations/build
log=$root/build/mutations/log

usage() {
    sed -n '2,/^source/{/^source/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
}

# Files that are the same stay as they are, so that what was built from them stays, too.
copy_sources() {
    local file
    mkdir -p "$copy" "$log"
    (cd "$root" && find . -path ./build -prune -o -path ./.git -prune -o -type f -print) >"$build.files"
    while read -r file; do
        cmp -s "$root/$file" "$copy/$file" && continue
        mkdir -p "$(dirname "$copy/$file")"
        cp "$root/$file" "$copy/$file"
    done <"$build.files"
}

build_simulation() {
    cmake --build "$build" --parallel "$jobs" --target simulation >"$log/$1.build" 2>&1 || {
        tail -n 20 "$log/$1.build" >&2
        die "$1 does not compile"
    }
}

# Of the log of a run that failed: the rule that was broken.
rule() {
    sed -nE 's/^seed [0-9]+ broke, at *[0-9.]+ s: (.*)/\1/p' "$log/$1" | head -n 1
}

# Of the log of a run: seeds that ran.
seeds() {
    sed -nE 's/^([0-9]+) seeds, .*/\1/p; s/^seed ([0-9]+) broke.*/\1/p' "$log/$1" | tail -n 1
}

# run_seeds NAME: until one fails, or the time is over. Sets `took`, in seconds of the processor's time.
run_seeds() {
    local status=0 TIMEFORMAT=%U
    { time "$build/bin/simulation" --seeds 1..1000000000 --time "$time" >"$log/$1" 2>&1; } 2>"$log/$1.time" || status=$?
    took=$(tail -n 1 "$log/$1.time")
    return "$status"
}

row() {
    printf '%-42s %-70s %6s %7s\n' "$@"
}

# try_mutation PATCH: a line of the table.
try_mutation() {
    local name found=0
    name=$(basename "$1" .patch)
    copy_sources
    patch -s -p1 -d "$copy" <"$1" || die "$name does not apply"
    build_simulation "$name"
    if run_seeds "$name"; then
        row "$name" "NOT FOUND" "$(seeds "$name")" "$took"
        found=1
    else
        local broken
        broken=$(rule "$name")
        row "$name" "${broken:-it crashes}" "$(seeds "$name")" "$took"
    fi
    return "$found"
}

time=60
while [ $# -gt 0 ]; do
    case $1 in
    --time)
        time=${2:-}
        shift
        ;;
    -h | --help) usage && exit ;;
    -*) die "$1: no such flag; see $0 --help" ;;
    *) break ;;
    esac
    shift
done
[ $# -gt 0 ] || set -- ''
patches=()
for name in "$@"; do
    mapfile -t found < <(find "$mutations" -name "$name*.patch" | sort)
    [ ${#found[@]} -gt 0 ] || die "$name: no such mutation in $mutations"
    patches+=("${found[@]}")
done

install_packages "${build_packages[@]}" ccache catch2 patch
mkdir -p "$(dirname "$build")"
copy_sources
cmake -S "$copy" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O1" -DRPCBROKER_TESTS=ON >&2
row mutation "the rule that it broke" seeds seconds
failed=0
if [ ${#patches[@]} -gt 1 ]; then
    build_simulation none
    run_seeds none && row none "-" "$(seeds none)" "$took" || {
        row none "$(rule none)" "$(seeds none)" "$took"
        failed=1
    }
fi
for patch in "${patches[@]}"; do
    try_mutation "$patch" || failed=1
done
copy_sources
exit "$failed"
