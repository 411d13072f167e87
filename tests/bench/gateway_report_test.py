"""What the tables say of the gateway's figures, and that docs/GATEWAY.md is made from the data beside it."""

import json
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "compare"))

import gateway_report as report  # noqa: E402 (it takes its forms from tests/bench/compare)

ROOT = HERE.parents[1]
RUN = {"date": "2026-01-01", "commit": "c", "machine": "m", "versions": {}, "rounds": 3, "seconds": 1, "remark": None}
ONE = report.ROWS[0]


def record(number, contender, rate, stolen=0.0, **more):
    return {"round": number, "row": ONE.key, "contender": contender, "calls_per_s": rate, "gateway_cpu_us": None,
            "stolen": stolen, "busy": 0.0, **more}


class ReportTest(unittest.TestCase):
    def test_ratios_are_taken_within_a_round(self):
        data = report.Data({"run": RUN, "records": [record(1, "http", 10), record(1, "go", 20), record(2, "http", 30),
                                                    record(2, "go", 30), record(3, "http", 7)]})
        self.assertEqual(data.ratios(ONE, "http", "go"), [0.5, 1.0])

    def test_what_was_not_measured_is_a_dash(self):
        document = {"run": RUN, "records": [record(1, "http", 10, gateway_cpu_us=2.5), record(1, "go", 20, p50_us=1, p99_us=2)]}
        text = report.generated(document)
        for line in ("| HTTP, wrk, by the gateway | 10.0 |", "| Go's client at Go's server | 20.0 |",
                     "| HTTP, wrk | 1 call in flight | 0.50 |", "| HTTP, wrk | 2.50 |", "| HTTP, wrk | – |",
                     "| Go's client at Go's server | 1.00 / 2.00 |"):
            self.assertIn(line, text.splitlines())

    def test_the_document_is_made_from_the_data(self):
        data = ROOT / "docs/benchmarks/gateway.json"
        document = (ROOT / "docs/GATEWAY.md").read_text()
        self.assertEqual(document, report.written_into(document, json.loads(data.read_text())),
                         "tests/bench/gateway.py --document-only")


if __name__ == "__main__":
    unittest.main()
