#!/usr/bin/env bash
# Checks the sources by .clang-format and .clang-tidy.
#
#   scripts/lint.sh --fix    formats them in place instead
#   scripts/lint.sh --deep   with clang's static analyzer, too (some ten minutes)
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install_packages clang-format clang-tidy "${build_packages[@]}" catch2

cd "$root"
mapfile -t sources < <(find common broker worker client gateway examples tests -name '*.hpp' -o -name '*.cpp' | sort)

if [ "${1:-}" = --fix ]; then
    clang-format -i "${sources[@]}"
    exit
fi
clang-format --dry-run -Werror "${sources[@]}"

checks=()
[ "${1:-}" != --deep ] || checks=(-checks=clang-analyzer-*)

# clang-tidy wants to know how each source is compiled; headers are checked through the sources that include them.
[ -f build/debug/compile_commands.json ] || cmake --preset debug >&2
run-clang-tidy -quiet -extra-arg=-Wno-unknown-warning-option "${checks[@]}" -p build/debug -j "$jobs" "^$root/(common|broker|worker|client|gateway)/.*\.cpp$" >build/lint.log 2>&1 || {
    grep -E '(warning|error):' build/lint.log | sort -u >&2 || tail -n 20 build/lint.log >&2
    die "clang-tidy found the above (all of it in build/lint.log)"
}
say "Format and lint: clean"
