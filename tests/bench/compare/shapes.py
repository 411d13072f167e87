"""What is measured, of whom, and how much faster than others rpcbroker wants to be."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Bar:
    """What a median ratio, ours to theirs, is held against."""

    least: float
    aim: float | None = None
    lower_is_better: bool = False
    strict: bool = False  # "ahead of": the least itself is not enough

    def met(self, ratio):
        return self._good(ratio, self.least, self.strict)

    def reached(self, ratio):
        return self.aim is not None and self._good(ratio, self.aim, False)

    def _good(self, ratio, bound, strict):
        if strict and ratio == bound:
            return False
        return ratio <= bound if self.lower_is_better else ratio >= bound

    def text(self):
        if self.strict:
            return f"{'<' if self.lower_is_better else '>'} {self.least:g}"
        sign = "≤" if self.lower_is_better else "≥"
        return f"{sign} {self.least:g}" + (f", aim {sign} {self.aim:g}" if self.aim is not None else "")


@dataclasses.dataclass(frozen=True)
class Shape:
    """A load. `size` is that of the text that is echoed; 0: EchoUtil.CountString "this is test"."""

    key: str
    title: str
    clients: int = 1
    workers: int = 1
    window: int = 1
    size: int = 0
    one_core: bool = False

    @property
    def batching(self):
        """Whether peers that join messages differ from those that do not."""
        return self.window > 8 and not self.size


@dataclasses.dataclass(frozen=True)
class Figure:
    """A row of the tables: one number of each measurement of a shape, and its bars by contender."""

    key: str
    title: str
    shape: str
    field: str
    unit: str
    bars: dict
    lower_is_better: bool = False


KIB, MIB = 1 << 10, 1 << 20

SHAPES = (
    Shape("pipelined", "1 client, 1 worker, window 1000", window=1000),
    Shape("pipelined2", "2 clients, 2 workers, window 1000 each", clients=2, workers=2, window=1000),
    Shape("window256", "1 client, 1 worker, window 256", window=256),
    Shape("latency", "one in flight, all processes on one core", one_core=True),
    Shape("clients32", "32 clients, 1 worker, one in flight each", clients=32),
    Shape("echo64k", "64 KiB echo, 8 in flight", window=8, size=64 * KIB),
    Shape("echo1m", "1 MiB echo, 8 in flight", window=8, size=MIB),
)


def bars(zmq, nats=None, grpc=True, go=True, lower=False):
    """`zmq`: at least, aim for. Of gRPC and Go's net/rpc all that is wanted is to be ahead."""
    found = {"zmq_proxy": Bar(*zmq, lower)}
    if nats is not None:
        found["nats"] = Bar(nats, None, lower)
    if grpc:
        found["grpc"] = Bar(1, None, lower, strict=True)
    if go:
        found["go"] = Bar(1, None, lower, strict=True)
    return found


FIGURES = (
    Figure("pipelined", "1 client, 1 worker, window 1000", "pipelined", "calls_per_s", "calls/s", bars((3, 6), 5)),
    Figure("pipelined2", "2 clients, 2 workers, window 1000 each", "pipelined2", "calls_per_s", "calls/s",
           bars((3.2, 5), 5)),
    Figure("window256", "1 client, 1 worker, window 256", "window256", "calls_per_s", "calls/s", bars((2, 3), 5)),
    Figure("latency", "one in flight, all on one core, p50", "latency", "p50_us", "µs",
           bars((1.05, 0.8), 0.8, go=False, lower=True), lower_is_better=True),
    Figure("clients32", "32 clients, one in flight each", "clients32", "calls_per_s", "calls/s", bars((1.05, 1.3), 2)),
    Figure("echo64k", "64 KiB echo, 8 in flight", "echo64k", "mb_per_s", "MB/s", bars((1.0, 1.2))),
    Figure("echo1m", "1 MiB echo, 8 in flight", "echo1m", "mb_per_s", "MB/s", bars((1.0, 1.2), grpc=False)),
    Figure("cpu", "CPU a call, all processes, window 1000", "pipelined", "cpu_us_per_call", "µs",
           bars((0.35, 0.15), grpc=False, go=False, lower=True), lower_is_better=True),
)
