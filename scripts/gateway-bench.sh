#!/usr/bin/env bash
# rpc-gateway beside Go's own net/rpc server, gRPC, and the broker without it: installs what is missing, builds all of it,
# measures (some ten minutes; nothing else should run), and writes the figures in docs/GATEWAY.md.
#
#   scripts/gateway-bench.sh                                            as the document was made
#   scripts/gateway-bench.sh --rounds 1 --seconds 1 --no-document       a quick try; all options: --help
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The libraries of NATS and RabbitMQ: other peers of the same build, which is configured as a whole.
peer_packages=(
    wrk golang-go openssl
    libgrpc++-dev protobuf-compiler-grpc protobuf-compiler libprotobuf-dev
    libnats-dev librabbitmq-dev
)
install_packages "${build_packages[@]}" ccache python3 util-linux "${peer_packages[@]}"

say "Building (build/compare)"
build compare rpc-broker rpc-worker rpc-bench rpc-gateway compare-grpc-server compare-grpc-client compare_netrpc

exec /usr/bin/python3 "$root/tests/bench/gateway.py" "$@"
