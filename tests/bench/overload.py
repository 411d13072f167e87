"""What a service does that is asked for three times what it can do: goodput against its peak, and how soon it refuses.

Four workers of eight threads each, whose handlers sleep 40 ms: 800 calls a second. Clients send at a rate, whatever comes
back. First at once as many calls as are answered (the peak: 64 calls are always under way), then three times that rate with
deadlines of 1 s. With --flood: ten clients with 10,000 calls each under way beside twenty that have one each.

    cmake --preset release && cmake --build --preset release
    PYTHONPATH=tests/support RPC_BIN=build/bin /usr/bin/python3 tests/bench/overload.py [--seconds 10] [--flood]
"""

import argparse
import collections
import multiprocessing
import statistics
import sys
import threading
import time

import msgpack
import zmq

from rpckit import ANY_PORT, Peer, Program

SLEEP = 40  # ms
TIMEOUT = 1000  # ms


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


class Load:
    """One client's socket: sends calls and keeps what became of each."""

    def __init__(self, frontend):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.setsockopt(zmq.SNDHWM, 0)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.connect(frontend)
        self.sent = {}
        self.msgid = 0
        self.good, self.good_at, self.refused, self.late, self.ends = [], [], [], [], {}

    def send(self, method="EchoUtil.Sleep", params=(SLEEP,), timeout=TIMEOUT):
        self.msgid += 1
        self.sent[self.msgid] = time.monotonic()
        self.socket.send(msgpack.packb((0, self.msgid, method, params, {"timeout": timeout})))

    def receive(self):
        """Takes what has come; how many calls ended."""
        ended = 0
        while True:
            try:
                body = self.socket.recv(zmq.DONTWAIT)
            except zmq.Again:
                return ended
            self.take(msgpack.unpackb(body), time.monotonic())
            ended += 1

    def take(self, response, now):
        took = now - self.sent.pop(response[1])
        error = response[2]
        end = error["code"] if error else "ok"
        if error and error.get("ran") == "no" and "retry_after" in error:
            end += " retry_after"
            (self.refused if took < 0.5 else self.late).append(took)
        if not error:
            self.good.append(took)
            self.good_at.append(now)
        self.ends[end] = self.ends.get(end, 0) + 1


def wait_for(load, until):
    return load.socket.poll(max(0, (until - time.monotonic()) * 1000))


def finish(load):
    """Takes what is still to come."""
    while load.sent and wait_for(load, time.monotonic() + 2):
        load.receive()


def second_half(load, begin, seconds):
    """Results a second, once the queue is as long as it gets."""
    return sum(begin + seconds / 2 <= at < begin + seconds for at in load.good_at) / (seconds / 2)


def closed_loop(load, under_way, seconds):
    """Keeps so many calls under way; results a second."""
    begin = time.monotonic()
    for _ in range(under_way):
        load.send()
    while time.monotonic() < begin + seconds:
        wait_for(load, begin + seconds)
        for _ in range(load.receive()):
            load.send()
    finish(load)
    return second_half(load, begin, seconds)


def open_loop(load, per_second, seconds):
    """Sends evenly, whatever comes back; results a second."""
    begin = due = time.monotonic()
    while due < begin + seconds:
        if due > time.monotonic():
            wait_for(load, due)
        load.receive()
        while due <= time.monotonic():
            load.send()
            due += 1 / per_second
    finish(load)
    return second_half(load, begin, seconds)


class Watch(threading.Thread):
    """The most that the broker's gauges came to."""

    def __init__(self, frontend):
        super().__init__(daemon=True)
        self.frontend, self.most, self.over = frontend, {}, False

    def run(self):
        peer = Peer(self.frontend)
        while not self.over:
            stats = peer.result("rpc.stats")
            for gauge in ("calls_queued", "calls_queued_bytes", "calls_in_system"):
                self.most[gauge] = max(self.most.get(gauge, 0), stats[gauge])
            self.stats = stats
            time.sleep(0.05)


def overload(frontend, seconds, times):
    peak = closed_loop(Load(frontend), 64, seconds)
    print(f"peak: {peak:.0f} results/s")
    watch = Watch(frontend)
    watch.start()
    load = Load(frontend)
    goodput = open_loop(load, times * 800, seconds)
    watch.over = True
    watch.join()
    print(f"offered {times * 800}/s for {seconds} s: {goodput:.0f} results/s in time, {100 * goodput / peak:.0f} % of the peak")
    print("ends:", load.ends)
    ms = lambda values, share: f"{1000 * percentile(values, share):.1f} ms"
    print(f"refused at once: {len(load.refused)}, after p50 {ms(load.refused, 0.5)}, p99 {ms(load.refused, 0.99)}; "
          f"later: {len(load.late)}")
    print(f"results after p50 {ms(load.good, 0.5)}, p99 {ms(load.good, 0.99)}; most at once:", watch.most)
    print({name: value for name, value in watch.stats.items() if name.startswith("calls_")})


def flooder(frontend, waiting, over):
    load = Load(frontend)
    for _ in range(waiting):
        load.send("EchoUtil.Sleep", (1,), 60_000)
    while not over.is_set():
        wait_for(load, time.monotonic() + 0.1)
        for _ in range(load.receive()):
            load.send("EchoUtil.Sleep", (1,), 60_000)


def flood(frontend, seconds, floods, waiting, polite):
    """Times of calls of polite clients, one at a time each, alone and beside the floods."""
    def measured():
        clients = [Load(frontend) for _ in range(polite)]
        poller = zmq.Poller()
        for client in clients:
            poller.register(client.socket, zmq.POLLIN)
            client.send("EchoUtil.Sleep", (1,), 10_000)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            poller.poll(100)
            for client in clients:
                for _ in range(client.receive()):
                    client.send("EchoUtil.Sleep", (1,), 10_000)
        ends = collections.Counter()
        for client in clients:
            ends.update(client.ends)
        return [took for client in clients for took in client.good], ends
    alone, _ = measured()
    over = multiprocessing.Event()
    flooders = [multiprocessing.Process(target=flooder, args=(frontend, waiting, over)) for _ in range(floods)]
    for process in flooders:
        process.start()
    watch = Watch(frontend)
    watch.start()
    peer = Peer(frontend)
    while peer.result("rpc.stats")["calls_queued"] < 0.9 * floods * waiting:
        time.sleep(0.1)
    beside, ends = measured()
    watch.over = True
    watch.join()
    over.set()
    for process in flooders:
        process.join()
    for what, times in (("alone", alone), ("beside the floods", beside)):
        print(f"{polite} polite clients {what}: {len(times) / seconds:.0f} calls/s, p50 "
              f"{1000 * statistics.median(times):.1f} ms, p99 {1000 * percentile(times, 0.99):.1f} ms")
    print("ends of polite calls:", dict(ends), "most at once:", watch.most)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--seconds", type=float, default=10)
    arguments.add_argument("--times", type=float, default=3, help="of what the workers can do")
    arguments.add_argument("--capacity", default="auto", help="of each worker")
    arguments.add_argument("--flood", action="store_true")
    wanted = arguments.parse_args()
    broker = Program("rpc-broker", "--frontend", ANY_PORT, "--backend", ANY_PORT)
    programs = [broker]
    try:
        fields = broker.ready()
        for _ in range(4):
            programs.append(Program("rpc-worker", "--broker", fields["backend"], "--threads", "8",
                                    "--capacity", wanted.capacity))
            programs[-1].ready()
        if wanted.flood:
            flood(fields["frontend"], wanted.seconds, 10, 10_000, 20)
        else:
            overload(fields["frontend"], wanted.seconds, wanted.times)
    finally:
        for program in reversed(programs):
            program.end()


if __name__ == "__main__":
    sys.exit(main())
