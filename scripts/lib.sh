# What the scripts share: where the project is, what they need from Debian, how they build. Sourced, not run.
# Needs bash. All that these functions say goes to standard error; standard output belongs to the scripts.
# shellcheck shell=bash

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=$(nproc)

build_packages=(
    g++ cmake ninja-build pkg-config
    libzmq3-dev cppzmq-dev libmsgpack-cxx-dev libcli11-dev nlohmann-json3-dev libncurses-dev libsystemd-dev
    libboost-dev libssl-dev prometheus-cpp-dev
)
test_packages=(
    ccache catch2 python3 python3-zmq python3-msgpack python3-jsonschema openapi-specification
    clang-format clang-tidy gcovr valgrind golang-go chromium openssl wrk
)
fuzz_packages=(clang libclang-rt-14-dev)

say() {
    printf '\n== %s\n' "$*" >&2
}

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Runs a command as root: as it is for root, else by sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "needs root or sudo to run: $*"
    fi
}

is_installed() {
    [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install_packages NAME…: those that are missing, from Debian. Does nothing, and needs no network, when none is.
install_packages() {
    command -v apt-get >/dev/null || die "this script knows Debian's apt-get only; install by hand: $*"
    local missing=() package
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "Installing ${#missing[@]} packages: ${missing[*]}"
    local apt=(as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
    "${apt[@]}" update >&2
    "${apt[@]}" install --no-install-recommends "${missing[@]}" >&2
}

# Node may come from elsewhere than Debian, and then brings its npm: only commands that are missing are installed.
install_node() {
    local missing=()
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm ca-certificates)  # npm asks its registry over https
    [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

# promtool alone, into build/promtool: the package's server is not to be started.
fetch_promtool() {
    local folder=$root/build/promtool
    ! command -v promtool >/dev/null && [ ! -x "$folder/usr/bin/promtool" ] || return 0
    mkdir -p "$folder"
    (cd "$folder" && apt-get -q download prometheus && dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb) >&2 ||
        say "promtool could not be fetched: the test of /metrics does without"
}

# build PRESET [TARGET…]: configures a preset of CMakePresets.json, and builds all of it or those targets.
build() {
    local preset=$1 targets=()
    shift
    [ $# -eq 0 ] || targets=(--target "$@")
    (cd "$root" && cmake --preset "$preset" && cmake --build --preset "$preset" "${targets[@]}" --parallel "$jobs") >&2
}

# The release build with the programs of tests/integration/chaos, in a folder of its own.
build_chaos() {
    say "Building (build/chaos)"
    (cd "$root" && cmake --preset release -B build/chaos -DRPCBROKER_TESTS=ON &&
        cmake --build build/chaos --parallel "$jobs" --target rpc-broker rpc-call chaos_worker chaos_client) >&2
}

# run_chaos PROGRAM [ARGUMENT…]: one of the Python programs there, with that build.
run_chaos() {
    local program=$root/tests/integration/chaos/$1
    shift
    PYTHONPATH=$root/tests/support PYTHONDONTWRITEBYTECODE=1 RPC_BIN=$root/build/chaos/bin exec /usr/bin/python3 "$program" "$@"
}
