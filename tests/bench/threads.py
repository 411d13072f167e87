#!/usr/bin/python3
"""Where the microseconds of a call go: processor time, system calls and sleeps of every thread under load, a call.

    tests/bench/threads.py                             pipelined at 1000, one in flight, 32 clients: tables for docs/BENCHMARKS.md
    tests/bench/threads.py --shapes latency --seconds 5
    tests/bench/threads.py --samples                   and which library or part of the system it goes to (perf record)
    tests/bench/threads.py --cores                     and how many cores run at once, and whether a thread waits for one (perf sched)

Wants the programs of the release preset (another folder by RPC_BIN), and perf for all but processor time and sleeps: it
is left out where perf may not be used. What is counted while perf counts is dearer than without: read the processor time of
a run without --samples and --cores.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("RPC_BIN", str(ROOT / "build/bin"))
sys.path.insert(0, str(ROOT / "tests/support"))

from rpckit import ANY_PORT, BIN, Program  # noqa: E402 (its place depends on RPC_BIN)

SHAPES = {
    "pipelined": ("one client, window 1000", ["--clients", "1", "--window", "1000"], ()),
    "latency": ("one call in flight, everything on one core", ["--clients", "1", "--window", "1"], ("taskset", "-c", "0")),
    "clients32": ("32 clients, one call in flight each", ["--clients", "32", "--window", "1"], ()),
}
WARM_UP = 0.5
IO = "ZMQbg/IO"
EVENT = "raw_syscalls:sys_enter"
PERF = shutil.which("perf")


class Thread:
    """What the threads of one name in one program have used."""

    def __init__(self):
        self.cpu = self.switches = self.calls = 0.0


def threads_of(pid):
    """By name: seconds of the processor, and sleeps."""
    found = collections.defaultdict(Thread)
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            found[name].cpu += int((task / "schedstat").read_text().split()[0]) / 1e9
            found[name].switches += int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text())[1])
        except FileNotFoundError:
            continue  # it ended meanwhile
    return found


def since(before, after):
    for name, thread in after.items():
        thread.cpu -= before[name].cpu
        thread.switches -= before[name].switches
    return after


class Run:
    """A broker, a worker and rpc-bench, measured in the middle of the load."""

    def __init__(self, shape, seconds):
        _, self._flags, self._pinned = SHAPES[shape]
        self._seconds = seconds

    def measure(self, meanwhile=None):
        """Threads by program, and the number of calls; `meanwhile` is told the process ids and what to wait for."""
        broker = self._start("rpc-broker", "--frontend", ANY_PORT, "--backend", ANY_PORT)
        fields = broker.ready()
        worker = self._start("rpc-worker", "--broker", fields["backend"])
        worker.ready()
        bench = subprocess.Popen(
            [*self._pinned, BIN / "rpc-bench", "--broker", fields["frontend"], "--shape", "pipelined", *self._flags, "--format", "json",
             "--warm-up", f"{WARM_UP}s", "--duration", f"{self._seconds + 1}s", "--quiet"], stdout=subprocess.PIPE, text=True)
        pids = {"broker": broker.pid, "worker": worker.pid, "client": bench.pid}
        time.sleep(WARM_UP + 0.3)
        before = {name: threads_of(pid) for name, pid in pids.items()}
        begin = time.monotonic()
        (meanwhile or (lambda *_: time.sleep(self._seconds)))(pids, self._seconds)
        used = {name: since(before[name], threads_of(pid)) for name, pid in pids.items()}
        seconds = time.monotonic() - begin
        rate = json.loads(bench.communicate()[0])["rounds"][0]["calls_per_s"]
        for program in (worker, broker):
            program.end()
        return used, rate, rate * seconds

    def _start(self, name, *arguments):
        program = Program(name, *arguments)
        if self._pinned:
            subprocess.run(["taskset", "-a", "-p", "1", str(program.pid)], check=True, stdout=subprocess.DEVNULL)
        return program


def count_system_calls(pids, seconds):
    """By program and thread name."""
    counted = {}
    with tempfile.TemporaryDirectory() as folder:
        counters = {name: subprocess.Popen([PERF, "stat", "--per-thread", "-x", ",", "-e", EVENT, "-o", f"{folder}/{name}", "-p", str(pid)],
                                           stderr=subprocess.DEVNULL) for name, pid in pids.items()}
        time.sleep(seconds)
        for name, counter in counters.items():
            counter.send_signal(2)
            counter.wait()
            counted[name] = collections.Counter()
            for line in pathlib.Path(f"{folder}/{name}").read_text().splitlines():
                fields = line.split(",")
                if len(fields) > 3 and EVENT in line and fields[1].isdigit():
                    counted[name][re.sub(r"-\d+$", "", fields[0])] += int(fields[1])
    return counted


KINDS = (  # of samples, by the names of the symbols on their stack in the kernel
    ("system: TCP", r"tcp_|inet_|sock_|ip_|__netif|net_rx|skb_"),
    ("system: sleeping and waking", r"schedule|try_to_wake|futex|wake_up|dequeue_task|pick_next"),
    ("system: poll, epoll, eventfd", r"poll|eventfd|ep_"),
)


def kind_of(dso, stack):
    if "kernel" in dso or "vdso" in dso:
        return next((kind for kind, names in KINDS if re.search(names, " ".join(stack))), "system: the rest")
    library = pathlib.Path(dso).name
    if library.startswith("rpc-"):
        return "rpcbroker"
    return {"libzmq": "libzmq", "libc": "libc: copies, heap, entries into the system"}.get(library.split(".")[0], "other libraries")


def sample(pids, seconds):
    """Shares of samples by program and kind."""
    shares = {name: collections.Counter() for name in pids}
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/data"
        subprocess.run([PERF, "record", "-q", "-F", "2999", "-g", "-o", data, "-p", ",".join(map(str, pids.values())), "--",
                        "sleep", str(seconds)], check=True, stderr=subprocess.DEVNULL)
        text = subprocess.run([PERF, "script", "-i", data, "-F", "pid,ip,sym,dso"], check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, errors="replace").stdout
    names = {pid: name for name, pid in pids.items()}
    for block in text.split("\n\n"):
        lines = block.strip().splitlines()
        if len(lines) < 2 or int(lines[0].split()[0]) not in names:
            continue
        dso = lines[1].rsplit("(", 1)[-1].rstrip(")")
        stack = [line.split()[1] for line in lines[1:] if len(line.split()) > 1]
        shares[names[int(lines[0].split()[0])]][kind_of(dso, stack)] += 1
    return shares


RAN = re.compile(r"^ *(\d+\.\d+) +\[\d+\] +(.+?) +\d+\.\d+ +(\d+\.\d+) +(\d+\.\d+) ", re.MULTILINE)


def changes(history):
    """Of `perf sched timehist`: (second, 0: of threads that run, 1: of threads that wait for a core, by how many it changes), in order."""
    found = []
    for end, name, waited, ran in RAN.findall(history):
        if name.startswith(("<idle>", "perf")):
            continue
        end, begin = float(end), float(end) - float(ran) / 1e3
        found += [(begin, 0, 1), (end, 0, -1)]
        if float(waited) > 0:
            found += [(begin - float(waited) / 1e3, 1, 1), (begin, 1, -1)]
    return sorted(found)


def shares_of_time(found):
    """By (cores that run, whether a thread waits for one): the share of the time."""
    shares, now = collections.Counter(), [0, 0]
    for (begin, which, by), (end, _, _) in zip(found, found[1:]):
        now[which] += by
        shares[min(now[0], os.cpu_count()), now[1] > 0] += end - begin
    return {state: share / (found[-1][0] - found[0][0]) for state, share in shares.items()}


def watch_cores(seconds):
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/data"
        subprocess.run([PERF, "sched", "record", "-q", "-a", "-o", data, "--", "sleep", str(seconds)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        history = subprocess.run([PERF, "sched", "timehist", "-i", data], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                 text=True, errors="replace").stdout
    return shares_of_time(changes(history))


def print_cores(shares):
    print("| cores that run | no thread waits for one | a thread waits |\n| --- | ---: | ---: |")
    for cores in range(os.cpu_count() + 1):
        print(f"| {cores} | " + " | ".join(f"{100 * shares.get((cores, waits), 0):.0f} %" for waits in (False, True)) + " |")


def print_threads(used, counted, calls):
    print("| thread | processor, µs | system calls | sleeps |\n| --- | ---: | ---: | ---: |")
    total = [0.0, 0.0, 0.0]
    for program, threads in used.items():
        own, io = [0.0] * 3, [0.0] * 3
        for name, thread in threads.items():
            line = io if name.startswith(IO) else own
            for at, amount in enumerate((1e6 * thread.cpu, counted.get(program, {}).get(name, 0), thread.switches)):
                line[at] += amount / calls
                total[at] += amount / calls
        for what, line in ((program, own), (f"{program}: libzmq's I/O thread", io)):
            print_row(what, line, counted)
    print_row("**all**", total, counted)


def print_row(what, line, counted):
    micro, system, sleeps = (f"{amount:.3f}" if amount < 0.1 else f"{amount:.2f}" for amount in line)
    print(f"| {what} | {micro} | {system if counted else '–'} | {sleeps} |")


def print_samples(shares):
    kinds = sorted({kind for counts in shares.values() for kind in counts})
    print("| of the processor time | " + " | ".join(shares) + " |\n| --- |" + " ---: |" * len(shares))
    for kind in kinds:
        print(f"| {kind} | " + " | ".join(f"{100 * counts[kind] / max(1, counts.total()):.0f} %" for counts in shares.values()) + " |")


def show(shape, seconds, samples, cores):
    used, rate, calls = Run(shape, seconds).measure()
    counted = {}
    if PERF:
        def count(*arguments):
            counted.update(count_system_calls(*arguments))
        _, _, counted_calls = Run(shape, seconds).measure(count)
        for counts in counted.values():
            for name in counts:
                counts[name] *= calls / counted_calls
    print(f"\n{SHAPES[shape][0]}: {rate:,.0f} calls/s\n")
    print_threads(used, counted, calls)
    if samples and PERF:
        shares = {}
        Run(shape, seconds).measure(lambda *arguments: shares.update(sample(*arguments)))
        print()
        print_samples(shares)
    if cores and PERF:
        shares = {}
        _, rate, _ = Run(shape, seconds).measure(lambda _, while_for: shares.update(watch_cores(while_for)))
        print(f"\nWhile cores are watched, at {rate:,.0f} calls/s:\n")
        print_cores(shares)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--samples", action="store_true")
    parser.add_argument("--cores", action="store_true")
    arguments = parser.parse_args()
    for shape in arguments.shapes:
        show(shape, arguments.seconds, arguments.samples, arguments.cores)


if __name__ == "__main__":
    main()
