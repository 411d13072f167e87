#!/usr/bin/env bash
# Installs what is missing, builds, runs every test: style and lint first, then threads under the thread sanitizer, a little
# fuzzing, then, as optimised as what is installed, the programs, the simulation and the instructions that a call costs, and at
# last all tests under the address and undefined-behaviour sanitizers, whose closing lines end the output. The first stage
# that fails ends it all, with its own closing lines.
#
# May be run again at any time; the builds lie in build/tsan, build/fuzz, build/bench and build/asan.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# run_tests PRESET: the tests of a build, as many at once as there are cores.
run_tests() {
    (cd "$root" && ctest --preset "$1" --parallel "$jobs")
}

install_packages "${build_packages[@]}" "${test_packages[@]}"
install_node
fetch_promtool

say "Format and lint"
"$root/scripts/lint.sh"

say "Building and testing threads with the thread sanitizer (build/tsan)"
build tsan threads_tests
run_tests tsan

"$root/scripts/fuzz.sh" --ci

say "Building the programs optimised and testing them (build/bench)"
build bench program_tests
/usr/bin/python3 "$root/tests/bench/instructions.py" --check
run_tests bench

say "Building and running every test with the address and undefined-behaviour sanitizers (build/asan)"
build asan
run_tests asan
