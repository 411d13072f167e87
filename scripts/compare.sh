#!/usr/bin/env bash
# rpcbroker beside zmq_proxy, NATS, gRPC, Go's net/rpc and RabbitMQ: installs what is missing, builds all of it,
# measures (some 25 minutes; nothing else should run), and writes docs/BENCHMARKS.md and the plots in docs/benchmarks.
#
#   scripts/compare.sh                                    as the document was made
#   scripts/compare.sh --rounds 1 --seconds 0.5 --no-document      a quick try; all options: --help
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

peer_packages=(
    nats-server libnats-dev
    libgrpc++-dev protobuf-compiler-grpc protobuf-compiler libprotobuf-dev
    golang-go
    rabbitmq-server librabbitmq-dev
)
services=(nats-server rabbitmq-server epmd)

package_of() {
    if [ "$1" = epmd ]; then echo erlang-base; else echo "$1"; fi
}

# Packages of servers start them as services of the system. Those that were not there before are ended again, and do not
# come back with the next boot: what is measured starts its own.
stop_service() {
    if [ -d /run/systemd/system ]; then
        as_root systemctl disable --now "$1.service" >&2 || true
        [ "$1" != epmd ] || as_root systemctl disable --now epmd.socket >&2 || true
    elif [ -x "/etc/init.d/$1" ]; then
        as_root "/etc/init.d/$1" stop >&2 || true
    fi
}

new_services=()
for service in "${services[@]}"; do
    is_installed "$(package_of "$service")" || new_services+=("$service")
done
install_packages "${build_packages[@]}" ccache python3 util-linux "${peer_packages[@]}"
for service in "${new_services[@]}"; do
    stop_service "$service"
done

say "Building (build/compare)"
build compare

exec /usr/bin/python3 "$root/tests/bench/compare/compare.py" "$@"
