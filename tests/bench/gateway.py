#!/usr/bin/python3
"""rpc-gateway beside Go's own net/rpc server, gRPC, and the broker without it; writes the table in docs/GATEWAY.md.

    scripts/gateway-bench.sh                                    installs, builds, and runs all of this
    tests/bench/gateway.py --rounds 1 --seconds 0.5 --no-document       a quick try of what is built
    tests/bench/gateway.py --document-only                      the document anew, from the data

Every measurement starts its contender afresh, on free ports of the loopback, and ends it, by process id. A round goes
through the rows, and in each through the contenders, in an order that moves on from round to round.
"""

import argparse
import datetime
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "compare"))

import machine  # noqa: E402 (of tests/bench/compare)
import measure  # noqa: E402
from contenders import ANY_PORT, BIN, ROOT  # noqa: E402
from document import add_options, write_data  # noqa: E402
from gateway_report import CONTENDERS, ROWS, generated, written_into  # noqa: E402
from processes import Failure, Processes  # noqa: E402

DOCUMENT = ROOT / "docs/GATEWAY.md"
DATA = ROOT / "docs/benchmarks/gateway.json"
PATIENCE = 40.0  # seconds beyond what a driver is to take
CONNECTIONS = 8  # of wrk, where each has many calls in flight
USED = ("libzmq", "gRPC C++", "Go", "g++")
MEASURED = ("common", "broker", "worker", "client", "gateway", "tests/bench")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="measured each time (3); wrk takes whole ones")
    parser.add_argument("--warm-up", type=float, default=0.5, help="seconds before it (0.5; wrk: a second)")
    parser.add_argument("--bin", type=pathlib.Path, default=BIN, help="where the programs are")
    parser.add_argument("--netrpc", type=pathlib.Path, help="Go's server and client (compare-netrpc, there)")
    parser.add_argument("--rows", nargs="+", choices=[row.key for row in ROWS], metavar="ROW")
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), metavar="NAME",
                        help="of " + ", ".join(CONTENDERS) + "; all if missing")
    add_options(parser, DATA)
    args = parser.parse_args()
    args.bin = args.bin.resolve()  # they are started elsewhere
    args.netrpc = args.netrpc.resolve() if args.netrpc else args.bin / "compare-netrpc"
    return args


def start_broker(processes, args):
    ready = processes.ready(processes.start(args.bin / "rpc-broker", "--frontend", ANY_PORT, "--backend", ANY_PORT))
    processes.ready(processes.start(args.bin / "rpc-worker", "--broker", ready["backend"]))
    return ready["frontend"]


def start_gateway(processes, args, *flags):
    """Its address, once a call went through it."""
    gateway = processes.start(args.bin / "rpc-gateway", "--listen", "127.0.0.1:0", "--broker",
                              start_broker(processes, args), *flags)
    ready = processes.ready(gateway)
    if "https" in ready:
        return ready["https"]
    asked = urllib.request.Request(f"http://{ready['http']}/call/EchoUtil.CountString", data=b'["this is test"]')
    answer = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=PATIENCE).read()
    if answer != b"3\n":
        raise Failure(f"the gateway answers {answer!r}")
    return ready["http"]


class Wrk:
    """wrk counts what was answered with a status of 2xx; anything else fails the measurement."""

    def __init__(self, url, connections, depth=1, batch=0):
        self.url, self.connections, self.depth, self.batch = url, connections, depth, batch

    def run(self, processes, seconds):
        command = ["wrk", "--threads", 1, "--connections", self.connections, "--duration", f"{seconds:.0f}s",
                   "--script", HERE / "gateway.lua", self.url, "--", self.depth, self.batch]
        printed, cpu = processes.drive(command, seconds + PATIENCE)
        figures = json.loads(printed.strip().rsplit("\n", 1)[-1])
        if figures["errors"]:
            raise Failure(f"{self.url}: {figures['errors']} requests failed")
        return figures, cpu

    def warm_up(self, processes):
        self.run(processes, 1)

    def measure(self, processes, args):
        figures, driver = self.run(processes, max(1, round(args.seconds)))
        calls = figures["requests"] * max(1, self.batch)
        found = {"calls_per_s": calls / figures["seconds"]}
        if self.depth == 1:  # else wrk takes the time of all of them together
            found |= {"p50_us": figures["p50_us"], "p99_us": figures["p99_us"]}
        return found, calls, driver


class Driver:
    """Warms up by itself. Prints the figures of tests/bench/compare/driver.hpp, or is rpc-bench."""

    def __init__(self, *command, read=json.loads):
        self.command, self.read = command, read

    def warm_up(self, processes):
        pass

    def measure(self, processes, args):
        printed, driver = processes.drive(self.command, args.seconds + args.warm_up + PATIENCE)
        figures = self.read(printed)
        found = {name: figures[name] for name in ("calls_per_s", "p50_us", "p99_us")}
        return found, figures["all_calls"], driver


def of_wrk(scheme, flags=lambda processes: ()):
    def begin(processes, args, row):
        connections, depth = (row.in_flight, 1) if row.in_flight < 100 else (CONNECTIONS, row.in_flight // CONNECTIONS)
        return Wrk(f"{scheme}://{start_gateway(processes, args, *flags(processes))}", connections, depth)
    return begin


def json_rpc(processes, args, row):
    url = f"http://{start_gateway(processes, args)}"
    return Wrk(url, min(row.in_flight, CONNECTIONS), batch=max(1, row.in_flight // CONNECTIONS))


def certificate(processes):
    """Made for this measurement."""
    made, key = processes.folder / "certificate.pem", processes.folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", "/CN=localhost", "-keyout", key, "-out", made], check=True, capture_output=True)
    key.chmod(0o600)
    return "--tls-cert", made, "--tls-key", key


def with_load(args, row, *command):
    """`clients` of one call each, or one with a window."""
    clients, window = (row.in_flight, 1) if row.in_flight < 100 else (1, row.in_flight)
    return [*command, "--clients", clients, "--window", window, "--seconds", args.seconds, "--warm-up", args.warm_up]


def go_by_gateway(processes, args, row):
    address = start_gateway(processes, args)
    return Driver(*with_load(args, row, args.netrpc, "--target", address, "--one-connection"))


def go(processes, args, row):
    address = processes.ready(processes.start(args.netrpc))["endpoint"]
    return Driver(*with_load(args, row, args.netrpc, "--target", address, "--one-connection"))


def grpc(processes, args, row):
    address = processes.ready(processes.start(args.bin / "compare-grpc-server"))["endpoint"]
    return Driver(*with_load(args, row, args.bin / "compare-grpc-client", "--target", address))


def broker(processes, args, row):
    clients, window = (row.in_flight, 1) if row.in_flight < 100 else (1, row.in_flight)
    return Driver(args.bin / "rpc-bench", "--broker", start_broker(processes, args), "--shape", "pipelined", "--clients",
                  clients, "--window", window, "--duration", f"{args.seconds * 1000:.0f}ms",
                  "--warm-up", f"{args.warm_up * 1000:.0f}ms", "--format", "json", read=measure.of_rpc_bench)


STARTS = {"http": of_wrk("http"), "https": of_wrk("https", certificate), "json-rpc": json_rpc, "go-gateway": go_by_gateway,
          "go": go, "grpc": grpc, "broker": broker}


def record(number, row, name, args):
    with tempfile.TemporaryDirectory(prefix="gateway-", ignore_cleanup_errors=True) as folder:
        with Processes(folder) as processes:
            load = STARTS[name](processes, args, row)
            time.sleep(0.2)  # for connections that are made in the background
            load.warm_up(processes)
            ticks, before = measure.machine_ticks(), processes.cpu_seconds()
            figures, calls, driver = load.measure(processes, args)
            ticks = [now - then for now, then in zip(measure.machine_ticks(), ticks)]
            seconds = {program: after - before[program] for program, after in processes.cpu_seconds().items()}
    cpu = {program: taken * 1e6 / max(1, calls) for program, taken in seconds.items()}
    figures |= {"cpu_us_by_program": {program: round(taken, 3) for program, taken in cpu.items()},
                "gateway_cpu_us": cpu.get("rpc-gateway"), "driver_cpu_us": driver * 1e6 / max(1, calls),
                "stolen": ticks[-1] / max(1, sum(ticks)), "busy": measure.busy_beside(ticks, sum(seconds.values()) + driver)}
    rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}
    return {"round": number, "row": row.key, "contender": name, **rounded}


def tell(made):
    print(f"{made['round']} {made['row']:<5} {made['contender']:<11} {made['calls_per_s']:>10,.0f} calls/s  "
          f"p50 {made.get('p50_us', 0):>9,.1f} µs  gateway {made['gateway_cpu_us'] or 0:>7.2f} µs  "
          f"beside {made['busy']:.0%}  stolen {made['stolen']:.0%}", file=sys.stderr, flush=True)


def run(args):
    rows = [row for row in ROWS if not args.rows or row.key in args.rows]
    names = args.contenders or list(CONTENDERS)
    records = []
    for number in range(1, args.rounds + 1):
        for at, row in enumerate(rows):
            turn = (number + at) % len(names)
            for name in names[turn:] + names[:turn]:
                records.append(record(number, row, name, args))
                tell(records[-1])
    about = {"date": datetime.date.today().isoformat(), "commit": machine.commit(MEASURED), "machine": machine.machine(),
             "versions": {name: version for name, version in machine.versions().items() if name in USED} |
                         {"wrk": machine.version_of("wrk")},
             "rounds": args.rounds, "seconds": args.seconds, "remark": args.remark}
    return {"run": about, "records": records}


def main():
    args = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        document = json.loads(args.data.read_text()) if args.document_only else run(args)
    except (Failure, RuntimeError) as failure:
        sys.exit(f"gateway.py: {failure}")
    if args.no_document:
        return print(generated(document))
    if not args.document_only:
        write_data(document, args.data)
    DOCUMENT.write_text(written_into(DOCUMENT.read_text(), document))
    return print(f"written: {args.data}, {DOCUMENT}")


if __name__ == "__main__":
    main()
