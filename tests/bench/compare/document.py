"""What the documents of measurements have in common: calm rounds, a sentence on the machine, the markers, the data's file."""

import json
import pathlib
import statistics

MUCH_STOLEN = 0.08
MANY_ROUNDS = 3


def add_options(parser, data):
    parser.add_argument("--data", type=pathlib.Path, default=data, help="where the raw data is written, or read")
    parser.add_argument("--remark", help="a sentence on this run for the document, such as what else went on")
    parser.add_argument("--no-document", action="store_true", help="print the tables only; write nothing")
    parser.add_argument("--document-only", action="store_true", help="measure nothing: write the document from --data")


def write_data(document, path):
    """One line a record, so that differences can be read."""
    records = ",\n".join(json.dumps(record) for record in document["records"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"run": {json.dumps(document["run"], indent=1)},\n"records": [\n{records}\n]}}\n')


def calm_rounds(records, subject):
    """(the records by subject and contender, and round; how many were left out). Where enough are left, those during which
    the hypervisor took much of the machine are left out."""
    found, left_out = {}, 0
    for record in records:
        found.setdefault((record[subject], record["contender"]), {})[record["round"]] = record
    for key, rounds in found.items():
        calm = {number: record for number, record in rounds.items() if record["stolen"] <= MUCH_STOLEN}
        if len(calm) >= MANY_ROUNDS:
            left_out += len(rounds) - len(calm)
            found[key] = calm
    return found, left_out


def on_machine(run, stolen, busy, left_out):
    lines = [f"**{run['remark']}**", ""] if run.get("remark") else []
    return [*lines, f"Machine: {run['machine']}. While it was measured, other processes and the hypervisor took "
            f"{statistics.median(busy):.0%} of it (median; at most {max(busy):.0%}); the hypervisor alone "
            f"{statistics.median(stolen):.1%} (at most {max(stolen):.0%}; {left_out} measurements above "
            f"{MUCH_STOLEN:.0%} are left out).", "",
            "Versions: " + ", ".join(f"{name} {version}" for name, version in run["versions"].items()) + "."]


def put_between(text, begin, end, words):
    """The text with other words between its markers."""
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"the document lacks the lines {begin} and {end}")
    return f"{before}{begin}\n\n{words}\n{end}{after}"
