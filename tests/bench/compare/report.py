"""The tables of docs/BENCHMARKS.md, from the data of a run."""

import statistics

from contenders import NAMES
from document import calm_rounds, on_machine, put_between
from shapes import FIGURES, SHAPES

BEGIN, END = "<!-- compare: begin -->", "<!-- compare: end -->"
OURS = "rpcbroker"
SHOWN = ("pipelined", "latency", "clients32", "echo64k", "cpu")  # plots in the document; the others are beside it


class Data:
    """The records of a run, by shape and contender, and calm round."""

    def __init__(self, document):
        self.run = document["run"]
        self.names = [name for name in NAMES if any(record["contender"] == name for record in document["records"])]
        self._records, self.left_out = calm_rounds(document["records"], "shape")
        self.figures = [figure for figure in FIGURES if any(key[0] == figure.shape for key in self._records)]
        self.shapes = [shape for shape in SHAPES if any(key[0] == shape.key for key in self._records)]

    def values(self, figure, name):
        """By round."""
        rounds = self._records.get((figure.shape, name), {})
        return {number: record[figure.field] for number, record in rounds.items() if figure.field in record}

    def ratios(self, figure, name):
        """Ours to theirs, each within its round."""
        ours, theirs = self.values(figure, OURS), self.values(figure, name)
        return [ours[number] / theirs[number] for number in ours if theirs.get(number)]

    def latencies(self, shape, name, field):
        return [record[field] for record in self._records.get((shape, name), {}).values()]

    def shares(self, field):
        return [record[field] for rounds in self._records.values() for record in rounds.values()]


def number(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values, form=number):
    """The median, and what it lies in."""
    if not values:
        return "–"
    middle = form(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({form(min(values))} – {form(max(values))})"


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def head(*cells):
    return [row(*cells), row(*["---"] * len(cells))]


def absolute_table(data):
    lines = head("", *[NAMES[name] for name in data.names])
    for figure in data.figures:
        lines.append(row(f"{figure.title}, {figure.unit}",
                         *[spread(list(data.values(figure, name).values())) for name in data.names]))
    return lines


def verdict(bar, ratios):
    if not ratios:
        return "not measured"
    ratio = statistics.median(ratios)
    if bar.reached(ratio):
        return "aim reached"
    return "met" if bar.met(ratio) else "**missed**"


def baseline_table(data):
    lines = head("shape", "to `zmq_proxy`", "bar", "", "to `zmq_proxy`, batching peers")
    for figure in data.figures:
        ratios, bar = data.ratios(figure, "zmq_proxy"), figure.bars["zmq_proxy"]
        lines.append(row(figure.title, spread(ratios, times), bar.text(), verdict(bar, ratios),
                         spread(data.ratios(figure, "zmq_proxy_batching"), times)))
    return lines


def times(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def others_table(data):
    others = [name for name in data.names if not name.startswith("zmq_proxy") and name != OURS]
    lines = head("shape", *[f"to {NAMES[name]}" for name in others])
    for figure in data.figures:
        cells = []
        for name in others:
            ratios, bar = data.ratios(figure, name), figure.bars.get(name)
            cell = spread(ratios, times)
            cells.append(f"{cell}; {bar.text()}: {verdict(bar, ratios)}" if bar and ratios else cell)
        lines.append(row(figure.title, *cells))
    return lines


def latency_table(data):
    lines = head("p50 / p99 / p99.9 in µs", *[NAMES[name] for name in data.names])
    for shape in data.shapes:
        cells = []
        for name in data.names:
            quantiles = [data.latencies(shape.key, name, field) for field in ("p50_us", "p99_us", "p999_us")]
            cells.append(" / ".join(number(statistics.median(values)) for values in quantiles) if quantiles[0] else "–")
        lines.append(row(shape.title, *cells))
    return lines


def missed(data):
    """The bars that were not reached, as a sentence each."""
    if len(data.names) < 2 or OURS not in data.names:
        return []
    lines = []
    for figure in data.figures:
        for name, bar in figure.bars.items():
            ratios = data.ratios(figure, name)
            if ratios and not bar.met(statistics.median(ratios)):
                ratio = times(statistics.median(ratios))
                lines.append(f"- {figure.title}: {ratio} x {NAMES[name]} (bar {bar.text()}).")
    return ["Bars that are not met in this run:", "", *lines] if lines else ["All bars are met in this run."]


def circumstances(data):
    run = data.run
    lines = [f"Run of {run['date']}, commit `{run['commit']}`: {run['rounds']} rounds, {run['seconds']:g} s measured "
             f"after {run['warm_up']:g} s of warm-up each. Medians over the rounds (least – most). Ratios are ours to "
             "theirs, taken within each round, then their median (least – most); of times and of CPU, less is better.", ""]
    if run["keep_memory"]:
        lines += ["In all contenders' processes glibc was told to keep freed memory (`--keep-memory`).", ""]
    return lines + on_machine(run, data.shares("stolen"), data.shares("busy"), data.left_out)


def generated(document):
    """All that stands between the markers."""
    data = Data(document)
    lines = circumstances(data)
    lines += ["", "### Against the bare proxy", ""] + baseline_table(data)
    lines += ["", "### Against what else one would take", ""] + others_table(data)
    lines += [""] + missed(data)
    lines += ["", "### Figures", ""] + absolute_table(data)
    lines += [""] + [f"![{figure.title}](benchmarks/{figure.key}.svg)" for figure in data.figures
                     if figure.key in SHOWN and data.values(figure, OURS)]
    lines += ["", "### Times of calls", "", "With a window, what a call waits for is mostly its own window.", ""]
    lines += latency_table(data)
    return "\n".join(lines) + "\n"


def written_into(text, document):
    return put_between(text, BEGIN, END, generated(document))
