"""Where and with what a run was made."""

import os
import pathlib
import platform
import re
import subprocess

from contenders import ROOT

PACKAGES = {  # name in the document: package of Debian
    "libzmq": "libzmq5", "nats-server": "nats-server", "libnats": "libnats3.4", "gRPC C++": "libgrpc++1.51",
    "Go": "golang-go", "RabbitMQ": "rabbitmq-server", "Erlang": "erlang-base", "librabbitmq": "librabbitmq4",
    "g++": "g++",
}


def output(*command):
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return run.stdout.strip() if run.returncode == 0 else ""


def version_of(package):
    return output("dpkg-query", "--show", "--showformat", "${Version}", package)


def versions():
    found = {name: version_of(package) for name, package in PACKAGES.items()}
    return {name: version for name, version in found.items() if version}


def commit(measured=("common", "broker", "worker", "client", "tests/bench/compare")):
    changed = output("git", "status", "--porcelain", "--", *measured)
    return output("git", "rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    memory = int(re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text()).group(1)) / (1 << 20)
    virtual = ", virtual" if "hypervisor" in info else ""
    system = re.search(r'PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text())
    return (f"{os.cpu_count()} cores ({model.group(1) if model else platform.machine()}{virtual}), {memory:.0f} GiB, "
            f"{system.group(1) if system else platform.system()}, Linux {platform.release()}, loopback")
