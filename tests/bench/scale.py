"""What many clients and many waiting calls cost the broker: memory, and the rate of others' calls.

    cmake --preset release && cmake --build --preset release
    ulimit -n 20000; PYTHONPATH=tests/support RPC_BIN=build/bin /usr/bin/python3 tests/bench/scale.py [PART…]

Parts, all of them if none is said:

    depth   a million calls wait for a worker that takes none: bytes of the broker's memory a call, and what a call of another
            service costs the broker beside them
    idle    5,000 clients that said hello and send heartbeats: memory of each, and rpc-bench's rate with and without them
    active  1,000 clients of rpc-bench with one call under way each, against 32
    memory  the broker's resident memory before a load, 5 s after it, and 5 s after a second such load
"""

import argparse
import json
import os
import subprocess
import sys
import time

import msgpack
import zmq

from rpckit import ANY_PORT, Peer, Program

BIN = os.environ["RPC_BIN"]


def kib(program):
    """Resident memory."""
    with open(f"/proc/{program.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def cpu(program):
    """Seconds of the processor that it has used."""
    with open(f"/proc/{program.pid}/stat", encoding="ascii") as stat:
        return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def bench(frontend, *flags):
    """What one round of rpc-bench came to."""
    command = [f"{BIN}/rpc-bench", "--broker", frontend, "--format", "json", "--quiet", "--connect-timeout", "30s", *flags]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)["rounds"][0]


class Service:
    """A broker, and rpc-workers of it."""

    def __init__(self, *flags, workers=1):
        self.broker = Program("rpc-broker", "--frontend", ANY_PORT, "--backend", ANY_PORT, *flags)
        self.programs = [self.broker]
        fields = self.broker.ready()
        self.frontend, self.backend = fields["frontend"], fields["backend"]
        for _ in range(workers):
            self.programs.append(Program("rpc-worker", "--broker", self.backend))
            self.programs[-1].ready()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in reversed(self.programs):
            program.end()


def cost_of_calls(service, seconds):
    """Calls a second at window 256, and microseconds of the broker's processor for each."""
    before = cpu(service.broker)
    round_ = bench(service.frontend, "--shape", "pipelined", "--window", "256", "--warm-up", "0s", "--duration", f"{seconds}s")
    return round_["calls_per_s"], 1e6 * (cpu(service.broker) - before) / round_["calls"]


def depth(seconds, calls=1_000_000):
    with Service("--max-queued", "2000000", "--max-client-calls", "2000000") as service:
        worker = Peer(service.backend)
        worker.register({"Deep": ["Wait"]}, capacity=0)
        rates = [cost_of_calls(service, seconds)]
        before = kib(service.broker)
        client = zmq.Context.instance().socket(zmq.DEALER)
        client.setsockopt(zmq.SNDHWM, 0)
        client.connect(service.frontend)
        own = 0
        for msgid in range(calls):
            body = msgpack.packb((0, msgid, "Deep.Wait", ("this is test",), {"timeout": 3_600_000}))
            own += len(body)
            client.send(body)
        peer = Peer(service.frontend)
        while peer.result("rpc.stats")["calls_queued"] < calls:
            worker.notify("rpc.heartbeat")
            time.sleep(0.2)
        grown = 1024 * (kib(service.broker) - before)
        rates.append(cost_of_calls(service, seconds))
        print(f"depth: {calls:,} calls wait: {grown / calls:.0f} bytes each, {own / calls:.0f} of them its own")
        for what, (rate, micro) in zip(("without them", "beside them"), rates):
            print(f"depth: calls of another service {what}: {rate:,.0f}/s, {micro:.2f} µs of the broker each")
        client.close(0)


def idle(seconds, clients=5000):
    with Service() as service:
        alone = cost_of_calls(service, seconds)
        before = kib(service.broker)
        context = zmq.Context()
        context.set(zmq.MAX_SOCKETS, clients + 10)
        sockets = []
        for _ in range(clients):
            sockets.append(context.socket(zmq.DEALER))
            sockets[-1].connect(service.frontend)
            sockets[-1].send(msgpack.packb((0, 1, "rpc.hello", ({},))))
            if len(sockets) % 100 == 0:
                for socket in sockets[-100:]:
                    socket.recv()
        each = (kib(service.broker) - before) / clients
        beside = cost_of_calls(service, seconds)
        print(f"idle: {clients:,} clients: {each:.1f} KiB each in the broker")
        for what, (rate, micro) in (("without them", alone), ("beside them", beside)):
            print(f"idle: calls of another client {what}: {rate:,.0f}/s, {micro:.2f} µs of the broker each")
        context.destroy(0)


def active(seconds):
    with Service() as service:
        for clients in (32, 1000, 32, 1000):
            round_ = bench(service.frontend, "--shape", "clients", "--clients", str(clients), "--duration", f"{seconds}s")
            print(f"active: {clients} clients, one call each: {round_['calls_per_s']:,.0f} calls/s")


def memory(seconds):
    with Service() as service:
        bench(service.frontend, "--calls", "100")
        print(f"memory: before: {kib(service.broker)} KiB")
        for what in ("one load", "a second one"):
            bench(service.frontend, "--shape", "pipelined", "--clients", "4", "--window", "20000", "--duration",
                  f"{seconds}s", "--timeout", "60s")
            most = kib(service.broker)
            time.sleep(5)
            print(f"memory: at the end of {what} (80,000 calls under way): {most} KiB, 5 s later: {kib(service.broker)} KiB")


def main():
    parts = {part.__name__: part for part in (depth, idle, active, memory)}
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    arguments.add_argument("parts", nargs="*", choices=[*parts, []], metavar="PART", help=", ".join(parts))
    arguments.add_argument("--seconds", type=float, default=5, help="of each round of rpc-bench")
    wanted = arguments.parse_args()
    for part in wanted.parts or parts:
        parts[part](wanted.seconds)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
