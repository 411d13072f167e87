#!/usr/bin/env bash
# Line coverage of the cores by unit tests alone (no socket, no thread, no sleep). Prints the figure of each file and of
# all; exit 1 when all together are under the bar. A page to look at: build/coverage/lines.html.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly bar=95  # per cent

install_packages "${build_packages[@]}" "${test_packages[@]}"
say "Building the unit tests with line counts (build/coverage)"
cores=(rpcbroker_common rpcbroker_broker_core rpcbroker_worker_core rpcbroker_client_core)
(cd "$root" && cmake --preset coverage && cmake --build build/coverage --target unit_tests "${cores[@]}" --parallel "$jobs") >&2

find "$root/build/coverage" -name '*.gcda' -delete
(cd "$root" && ctest --preset coverage --parallel "$jobs") >&2

say "Lines of the cores that unit tests run"
cd "$root/build/coverage"
# The objects of the cores only: the same source may be counted in others, where sockets run it.
objects=()
for core in "${cores[@]}"; do
    objects+=("$(find . -type d -name "$core.dir")")
done
gcovr --root "$root" --filter "$root/(common|broker|worker|client)/" --sort-percentage \
    --html-details lines.html --txt - --print-summary --fail-under-line "$bar" "${objects[@]}"
