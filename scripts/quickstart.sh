#!/usr/bin/env bash
# From a bare clone on Debian to a first call: installs what is missing, builds into build/, starts a broker and two
# workers, calls EchoUtil.CountString "this is test", prints its result (3) and stops them again.
#
# May be run again at any time, also beside a broker that runs already: the ports are free ones.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly ready_within=10  # seconds
started=()
pipes=$(mktemp -d)

stop_all() {
    local i
    [ ${#started[@]} -eq 0 ] || say "Stopping them again"
    # Last started, first stopped: workers leave while the broker is there.
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do
        kill -TERM "${started[i]}" 2>/dev/null || true
        wait "${started[i]}" 2>/dev/null || true
    done
    rm -rf "$pipes"
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start PROGRAM [OPTION…]: in the background; returns once it serves, with its ready line in $ready.
start() {
    local out
    mkfifo "$pipes/${#started[@]}"
    "$root/build/bin/$1" "${@:2}" >"$pipes/${#started[@]}" &
    exec {out}<"$pipes/${#started[@]}"
    started+=($!)
    IFS= read -r -t "$ready_within" ready <&"$out" || die "$1 is not ready within $ready_within s"
    echo "   $ready" >&2
}

# value_of KEY LINE: what follows KEY= in a ready line.
value_of() {
    sed -E "s/.* $1=([^ ]*).*/\1/" <<<"$2"
}

install_packages "${build_packages[@]}"

say "Building into build/ (some minutes the first time)"
build release

say "Starting a broker and two workers"
start rpc-broker --frontend tcp://127.0.0.1:0 --backend tcp://127.0.0.1:0
frontend=$(value_of frontend "$ready")
backend=$(value_of backend "$ready")
start rpc-worker --broker "$backend" --name first
start rpc-worker --broker "$backend" --name second

say "rpc-call --broker $frontend EchoUtil.CountString \"this is test\""
"$root/build/bin/rpc-call" --broker "$frontend" EchoUtil.CountString "this is test"
