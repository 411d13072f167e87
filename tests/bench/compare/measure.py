"""One measurement of one contender, and the rounds of them."""

import json
import os
import pathlib
import tempfile

import contenders
from processes import Processes

PATIENCE = 40.0  # seconds beyond what a driver is to take
CPU_TIME_OF_WHOLE_MACHINE = 8  # fields of /proc/stat that add up to all time; the last of them is stolen


def machine_ticks():
    words = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return [int(word) for word in words[1:1 + CPU_TIME_OF_WHOLE_MACHINE]]


def of_rpc_bench(printed):
    """rpc-bench's figures under the names that the other drivers use."""
    figures = json.loads(printed)["rounds"][0]
    if figures["failed"]:
        raise RuntimeError(f"{figures['failed']} calls failed: {figures['errors']}")
    found = {"calls": figures["calls"], "all_calls": figures["calls"] + figures["warm_up_calls"],
             "calls_per_s": figures["calls_per_s"]}
    for name in ("mean", "p50", "p90", "p99", "p999", "max"):
        found[f"{name}_us"] = figures["latency_us"][name]
    return found


def measure(name, shape, args):
    """Starts the contender, drives it, ends it. Processor time and its calls are those of the warm-up, too."""
    with tempfile.TemporaryDirectory(prefix="compare-", ignore_cleanup_errors=True) as folder:
        with Processes(folder, args.core if shape.one_core else None, args.keep_memory) as processes:
            command = contenders.start(name, processes, contenders.Load(shape, args.seconds, args.warm_up))
            servers, machine = processes.cpu_seconds(), machine_ticks()
            printed, driver_in_all = processes.drive(command, args.seconds + args.warm_up + PATIENCE)
            after, servers_after = machine_ticks(), processes.cpu_seconds()
    figures = of_rpc_bench(printed) if name == "rpcbroker" else json.loads(printed)
    if shape.size:
        figures["mb_per_s"] = figures["calls_per_s"] * shape.size / 1e6
    driver = driver_in_all - figures.pop("connected_after_cpu_s", 0)
    seconds = {name: servers_after[name] - servers[name] for name in servers} | {"driver": driver}
    cpu = {name: round(taken * 1e6 / max(1, figures["all_calls"]), 4) for name, taken in seconds.items()}
    figures["cpu_us_per_call"], figures["cpu_us_by_program"] = sum(cpu.values()), cpu
    ticks = [now - then for now, then in zip(after, machine)]
    figures["stolen"] = ticks[-1] / max(1, sum(ticks))
    figures["busy"] = busy_beside(ticks, sum(seconds.values()) - driver + driver_in_all)
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}


def busy_beside(ticks, own_seconds):
    """The share of the machine that went to others than what was measured."""
    user, nice, system, _, _, irq, softirq, stolen = ticks
    busy = (user + nice + system + irq + softirq + stolen) / os.sysconf("SC_CLK_TCK")
    everything = sum(ticks) / os.sysconf("SC_CLK_TCK")
    return max(0.0, busy - own_seconds) / max(1e-9, everything)


def rounds(args, names, shapes, note):
    """Round by round, shape by shape, all contenders one after the other, in an order that moves on each time."""
    records = []
    for number in range(1, args.rounds + 1):
        for at, shape in enumerate(shapes):
            taking_part = [name for name in names if shape.batching or name != "zmq_proxy_batching"]
            turn = (number + at) % len(taking_part)
            for name in taking_part[turn:] + taking_part[:turn]:
                figures = measure(name, shape, args)
                records.append({"round": number, "shape": shape.key, "contender": name, **figures})
                note(records[-1])
    return records
