"""What the tables say of the data, and that docs/BENCHMARKS.md is made from the data beside it."""

import json
import pathlib
import unittest

import report
from shapes import FIGURES, Bar

ROOT = pathlib.Path(__file__).resolve().parents[3]
RUN = {"date": "2026-01-01", "commit": "c", "machine": "m", "versions": {}, "rounds": 3, "seconds": 1, "warm_up": 0.1,
       "keep_memory": False, "remark": None}
PIPELINED = next(figure for figure in FIGURES if figure.key == "pipelined")


def record(number, contender, rate, stolen=0.0):
    times = {f"{name}_us": 1.0 for name in ("mean", "p50", "p90", "p99", "p999", "max")}
    return {"round": number, "shape": "pipelined", "contender": contender, "calls_per_s": rate, "cpu_us_per_call": 1.0,
            "stolen": stolen, "busy": 0.0, **times}


def data(*records):
    return report.Data({"run": RUN, "records": list(records)})


class ReportTest(unittest.TestCase):
    def test_ratios_are_taken_within_a_round(self):
        found = data(record(1, "rpcbroker", 300), record(1, "zmq_proxy", 100),
                     record(2, "rpcbroker", 50), record(2, "zmq_proxy", 10), record(3, "rpcbroker", 7))
        self.assertEqual(found.ratios(PIPELINED, "zmq_proxy"), [3, 5])

    def test_rounds_that_the_hypervisor_took_are_left_out_where_enough_are_left(self):
        calm = [record(number, "rpcbroker", number) for number in (1, 2, 3)]
        found = data(*calm, record(4, "rpcbroker", 4, stolen=0.5))
        self.assertEqual(list(found.values(PIPELINED, "rpcbroker")), [1, 2, 3])
        self.assertEqual(found.left_out, 1)
        found = data(*calm[:2], record(4, "rpcbroker", 4, stolen=0.5))
        self.assertEqual(list(found.values(PIPELINED, "rpcbroker")), [1, 2, 4])

    def test_a_bar_is_met_from_its_bound_on(self):
        more, less = Bar(3, 6), Bar(1.05, 0.8, lower_is_better=True)
        self.assertEqual([more.met(2.9), more.met(3), more.reached(5.9), more.reached(6)], [False, True, False, True])
        self.assertEqual([less.met(1.06), less.met(1.05), less.reached(0.81), less.reached(0.8)],
                         [False, True, False, True])
        self.assertEqual([Bar(1, strict=True).met(1), Bar(1, strict=True).met(1.01)], [False, True])

    def test_a_bar_that_is_missed_is_told(self):
        missed = report.missed(data(record(1, "rpcbroker", 299), record(1, "zmq_proxy", 100)))
        self.assertTrue(any(line.startswith(f"- {PIPELINED.title}: 2.99 x `zmq_proxy`") for line in missed), missed)
        missed = report.missed(data(record(1, "rpcbroker", 300), record(1, "zmq_proxy", 100)))
        self.assertFalse(any(line.startswith(f"- {PIPELINED.title}") for line in missed), missed)

    def test_the_document_is_made_from_the_data(self):
        document = (ROOT / "docs/BENCHMARKS.md").read_text()
        made_from = json.loads((ROOT / "docs/benchmarks/compare.json").read_text())
        self.assertEqual(document, report.written_into(document, made_from),
                         "tests/bench/compare/compare.py --document-only")


if __name__ == "__main__":
    unittest.main()
