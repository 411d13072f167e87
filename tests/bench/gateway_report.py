"""The tables of docs/GATEWAY.md on the gateway's speed, from the data of a run of gateway.py."""

import dataclasses
import statistics

from document import calm_rounds, on_machine, put_between
from report import head, number, row, spread, times

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclasses.dataclass(frozen=True)
class Row:
    key: str
    title: str
    in_flight: int


ROWS = (
    Row("one", "1 call in flight", 1),
    Row("some", "32 in flight", 32),
    Row("many", "1000 in flight", 1000),
)
CONTENDERS = {
    "http": "HTTP, wrk",
    "https": "HTTPS, wrk",
    "json-rpc": "JSON-RPC batches, wrk",
    "go-gateway": "Go's client",
    "go": "Go's client at Go's server",
    "grpc": "gRPC C++",
    "broker": "`rpc-bench` at the broker",
}
THROUGH = ("http", "https", "json-rpc", "go-gateway")  # the gateway
BESIDE = ("go", "grpc", "broker")


class Data:
    """The records of a run, by row and contender, and calm round."""

    def __init__(self, document):
        self.run = document["run"]
        self.records = document["records"]
        self._by, self.left_out = calm_rounds(self.records, "row")
        self.rows = [each for each in ROWS if any(key[0] == each.key for key in self._by)]
        self.names = [name for name in CONTENDERS if any(key[1] == name for key in self._by)]

    def values(self, where, name, field):
        """By round."""
        rounds = self._by.get((where.key, name), {})
        return {at: record[field] for at, record in rounds.items() if record.get(field) is not None}

    def ratios(self, where, name, other, field="calls_per_s"):
        """Each within its round."""
        ours, theirs = self.values(where, name, field), self.values(where, other, field)
        return [ours[at] / theirs[at] for at in ours if theirs.get(at)]


def figures(data):
    lines = head("calls/s", *[each.title for each in data.rows])
    for name in data.names:
        through = "" if name not in THROUGH else ", by the gateway"
        lines.append(row(CONTENDERS[name] + through,
                         *[spread(list(data.values(each, name, "calls_per_s").values())) for each in data.rows]))
    return lines


def ratios(data):
    others = [name for name in BESIDE if name in data.names]
    lines = head("by the gateway", "", *[f"to {CONTENDERS[other]}" for other in others])
    for each in data.rows:
        for name in THROUGH:
            if name in data.names:
                lines.append(row(CONTENDERS[name], each.title,
                                 *[spread(data.ratios(each, name, other), times) for other in others]))
    return lines


def costs(data):
    lines = head("µs of the gateway's processor time a call", *[each.title for each in data.rows])
    for name in THROUGH:
        if name in data.names:
            lines.append(row(CONTENDERS[name],
                             *[spread(list(data.values(each, name, "gateway_cpu_us").values())) for each in data.rows]))
    return lines


def latencies(data):
    lines = head("p50 / p99 in µs", *[each.title for each in data.rows])
    for name in data.names:
        cells = []
        for each in data.rows:
            found = [data.values(each, name, field).values() for field in ("p50_us", "p99_us")]
            cells.append(" / ".join(number(statistics.median(values)) for values in found) if found[0] else "–")
        lines.append(row(CONTENDERS[name], *cells))
    return lines


def circumstances(data):
    run = data.run
    stolen, busy = ([record[field] for record in data.records] for field in ("stolen", "busy"))
    lines = [f"Run of {run['date']}, commit `{run['commit']}`: {run['rounds']} rounds, {run['seconds']:g} s each. Medians over the "
             "rounds (least – most); ratios are taken within each round.", ""]
    return lines + on_machine(run, stolen, busy, data.left_out)


def generated(document):
    """All that stands between the markers."""
    data = Data(document)
    parts = [circumstances(data), figures(data), ratios(data), costs(data), latencies(data)]
    return "\n\n".join("\n".join(part).rstrip("\n") for part in parts) + "\n"


def written_into(text, document):
    return put_between(text, BEGIN, END, generated(document))
