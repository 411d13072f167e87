#!/usr/bin/python3
"""rpcbroker beside what one would take instead, on one machine in one run; writes docs/BENCHMARKS.md from it.

    scripts/compare.sh                             installs, builds, and runs all of this: five rounds, some 20 minutes
    tests/bench/compare/compare.py --rounds 1 --seconds 0.5 --no-document       a quick try of what is built
    tests/bench/compare/compare.py --shapes latency clients32 --contenders rpcbroker nats --no-document
    tests/bench/compare/compare.py --document-only                the document and plots anew, from the data

Every measurement starts its contender afresh, on free ports of the loopback, and ends it, by process id. A round goes
through the shapes, and in each through the contenders, in an order that moves on from round to round.
"""

import argparse
import datetime
import json
import pathlib
import signal
import sys

sys.dont_write_bytecode = True

import machine  # noqa: E402 (no caches beside the sources)
import measure  # noqa: E402
import plots  # noqa: E402
import report  # noqa: E402
from contenders import CONTENDERS, ROOT  # noqa: E402
from document import add_options, write_data  # noqa: E402
from processes import Failure  # noqa: E402
from shapes import SHAPES  # noqa: E402

DOCUMENT = ROOT / "docs/BENCHMARKS.md"
PLOTS = ROOT / "docs/benchmarks"
DATA = PLOTS / "compare.json"


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="measured each time (2)")
    parser.add_argument("--warm-up", type=float, default=0.5, help="seconds before it (0.5)")
    parser.add_argument("--core", type=int, default=0, help="for what is pinned to one core (0)")
    parser.add_argument("--keep-memory", action="store_true",
                        help="let glibc keep freed memory, in all contenders' processes (GLIBC_TUNABLES)")
    parser.add_argument("--shapes", nargs="+", choices=[shape.key for shape in SHAPES], metavar="SHAPE",
                        help="of " + ", ".join(shape.key for shape in SHAPES) + "; all if missing")
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), metavar="NAME",
                        help="of " + ", ".join(CONTENDERS) + "; all if missing")
    add_options(parser, DATA)
    return parser.parse_args()


def tell(record):
    cells = [f"{record['calls_per_s']:>12,.0f} calls/s", f"p50 {record['p50_us']:>10,.1f} µs",
             f"CPU {record['cpu_us_per_call']:>8,.2f} µs", f"beside {record['busy']:.0%}",
             f"stolen {record['stolen']:.0%}"]
    print(f"{record['round']} {record['shape']:<11} {record['contender']:<19}", *cells, file=sys.stderr, flush=True)


def run(args):
    shapes = [shape for shape in SHAPES if not args.shapes or shape.key in args.shapes]
    about = {"date": datetime.date.today().isoformat(), "commit": machine.commit(), "machine": machine.machine(),
             "versions": machine.versions(), "rounds": args.rounds, "seconds": args.seconds, "warm_up": args.warm_up,
             "keep_memory": args.keep_memory, "remark": args.remark}
    return {"run": about, "records": measure.rounds(args, args.contenders or list(CONTENDERS), shapes, tell)}


def main():
    args = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have it ignored in the background
    try:
        document = json.loads(args.data.read_text()) if args.document_only else run(args)
    except KeyboardInterrupt:
        sys.exit(130)
    except Failure as failure:
        sys.exit(f"compare.py: {failure}")
    if args.no_document:
        return print(report.generated(document))
    if not args.document_only:
        write_data(document, args.data)
    DOCUMENT.write_text(report.written_into(DOCUMENT.read_text(), document))
    plots.draw(PLOTS, document)
    return print(f"written: {args.data}, {DOCUMENT}, {PLOTS}/*.svg")


if __name__ == "__main__":
    main()
