"""The contenders: how the broker and the workers of each are started, and its load driver.

Each function starts what a shape wants among `processes`, and returns the command of the driver.
"""

import pathlib
import time

import rabbitmq as rabbitmq_node
from processes import accepts, free_port

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = ROOT / "build/compare/bin"
ANY_PORT = "tcp://127.0.0.1:0"


class Load:
    """What a driver is to do: a shape for so many seconds."""

    def __init__(self, shape, seconds, warm_up):
        self.shape, self.seconds, self.warm_up = shape, seconds, warm_up

    def arguments(self, *targets):
        shape = self.shape
        words = ["--clients", shape.clients, "--window", shape.window,
                 "--seconds", self.seconds, "--warm-up", self.warm_up]
        for target in targets:
            words += ["--target", target]
        return words + (["--size", shape.size] if shape.size else [])


def rpcbroker(processes, load):
    shape = load.shape
    ready = processes.ready(processes.start(BIN / "rpc-broker", "--frontend", ANY_PORT, "--backend", ANY_PORT))
    for _ in range(shape.workers):
        processes.ready(processes.start(BIN / "rpc-worker", "--broker", ready["backend"]))
    command = [BIN / "rpc-bench", "--broker", ready["frontend"], "--clients", shape.clients, "--window", shape.window,
               "--duration", f"{load.seconds * 1000:.0f}ms", "--warm-up", f"{load.warm_up * 1000:.0f}ms",
               "--format", "json"]
    return command + (["--shape", "payload", "--size", shape.size] if shape.size else ["--shape", "pipelined"])


def zmq_proxy(processes, load):
    ready = processes.ready(processes.start(BIN / "compare-zmq-broker"))
    for _ in range(load.shape.workers):
        processes.ready(processes.start(BIN / "compare-zmq-worker", ready["backend"]))
    return [BIN / "compare-zmq-client", *load.arguments(ready["frontend"])]


def zmq_proxy_batching(processes, load):
    return zmq_proxy(processes, load) + ["--batch"]


def nats(processes, load):
    port = free_port()
    settings = processes.folder / "nats.conf"
    settings.write_text("max_payload: 8MB\n")  # the largest that its documentation advises; 1 MiB of text is over 1 MB
    server = processes.start("nats-server", "--addr", "127.0.0.1", "--port", port, "--config", settings, silent=True)
    processes.until(server, lambda: accepts(port))
    url = f"nats://127.0.0.1:{port}"
    at_once = ["--at-once"] if load.shape.window == 1 else []
    for _ in range(load.shape.workers):
        processes.ready(processes.start(BIN / "compare-nats-worker", url, *at_once))
    return [BIN / "compare-nats-client", *load.arguments(url)]


def rabbitmq(processes, load):
    address = f"127.0.0.1:{rabbitmq_node.start(processes)}"
    for _ in range(load.shape.workers):
        processes.ready(processes.start(BIN / "compare-amqp-worker", address))
    return [BIN / "compare-amqp-client", *load.arguments(address)]


def direct(server, driver):
    """A contender without a broker: client i calls the server at i modulo their number."""
    def begin(processes, load):
        servers = [processes.start(BIN / server) for _ in range(load.shape.workers)]
        return [BIN / driver, *load.arguments(*[processes.ready(process)["endpoint"] for process in servers])]
    return begin


CONTENDERS = {
    "rpcbroker": rpcbroker,
    "zmq_proxy": zmq_proxy,
    "zmq_proxy_batching": zmq_proxy_batching,
    "nats": nats,
    "grpc": direct("compare-grpc-server", "compare-grpc-client"),
    "go": direct("compare-netrpc", "compare-netrpc"),
    "rabbitmq": rabbitmq,
}
NAMES = {
    "rpcbroker": "rpcbroker",
    "zmq_proxy": "`zmq_proxy`",
    "zmq_proxy_batching": "`zmq_proxy`, batching peers",
    "nats": "NATS",
    "grpc": "gRPC C++ (no broker)",
    "go": "Go net/rpc (no broker)",
    "rabbitmq": "RabbitMQ",
}


def start(name, processes, load):
    command = CONTENDERS[name](processes, load)
    time.sleep(0.2)  # for connections that are made in the background
    return command
