"""Bar charts as SVG, from the data of a run: no library, so that nothing needs to be installed to draw them."""

import html
import statistics

from contenders import NAMES
from report import OURS, Data, number
from shapes import FIGURES

COLOURS = {OURS: "#d1495b", "zmq_proxy": "#30638e", "zmq_proxy_batching": "#7aa6c9"}
OTHER = "#9aa5b1"
WIDTH, LABEL, VALUE, BAR, GAP, TOP = 760, 220, 130, 20, 8, 58
STYLE = "font-family='system-ui, sans-serif' font-size='13'"


def text(x, y, words, anchor="start", extra="fill='#24292f'"):
    return f"<text x='{x}' y='{y}' text-anchor='{anchor}' {extra}>{html.escape(words)}</text>"


def chart(figure, data):
    """A bar for each contender, as long as its median, with a line from the least to the most; none without ours."""
    values = {name: list(data.values(figure, name).values()) for name in data.names}
    values = {name: found for name, found in values.items() if found}
    if OURS not in values:
        return None
    most = max(max(found) for found in values.values())
    scale = (WIDTH - LABEL - VALUE) / most
    height = TOP + len(values) * (BAR + GAP) + GAP
    better = "less is better" if figure.lower_is_better else "more is better"
    lines = [f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}' {STYLE}>",
             f"<rect width='{WIDTH}' height='{height}' fill='white'/>",
             text(12, 24, f"{figure.title}, {figure.unit}", extra="fill='#24292f' font-size='16' font-weight='600'"),
             text(12, 44, f"{better}; median and spread of {len(values[OURS])} rounds, {data.run['date']}",
                  extra="fill='#57606a'")]
    for at, (name, found) in enumerate(values.items()):
        lines += bar(TOP + at * (BAR + GAP), name, found, scale)
    return "\n".join(lines + ["</svg>"]) + "\n"


def bar(y, name, found, scale):
    middle, least, most = statistics.median(found), min(found), max(found)
    at, base = y + BAR / 2, y + BAR - 5
    colour = COLOURS.get(name, OTHER)
    label = NAMES[name].replace("`", "")
    weight = " font-weight='600'" if name == OURS else ""
    return [text(LABEL - 8, base, label, "end", f"fill='#24292f'{weight}"),
            f"<rect x='{LABEL}' y='{y}' width='{middle * scale:.1f}' height='{BAR}' fill='{colour}'/>",
            f"<path d='M{LABEL + least * scale:.1f} {at}H{LABEL + most * scale:.1f}' stroke='#24292f'/>",
            text(round(LABEL + most * scale + 8, 1), base, number(middle), extra=f"fill='#24292f'{weight}")]


def draw(folder, document):
    folder.mkdir(parents=True, exist_ok=True)
    data = Data(document)
    for figure in FIGURES:
        if drawn := chart(figure, data):
            (folder / f"{figure.key}.svg").write_text(drawn)
