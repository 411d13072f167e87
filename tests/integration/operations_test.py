"""docs/OPERATIONS.md says what each error, counter, log line and limit means: all of them, and none that is not there."""

import os
import re
import subprocess
import unittest

from rpckit import BIN, ROOT, RpcTest, main

PAGE = (ROOT / "docs/OPERATIONS.md").read_text()
SOURCES = [path for folder in ("broker", "client", "common", "worker") for path in sorted((ROOT / folder).rglob("*.[ch]pp"))]


def joined(text):
    """Source text with the literals that stand next to each other made one, as a compiler does it."""
    return re.sub(r'"\s*\n?\s*"', "", text)


CODE = joined("\n".join(path.read_text() for path in SOURCES))


def section(title):
    return PAGE.split(f"\n## {title}", 1)[1].split("\n## ", 1)[0]


def rows(title):
    """The cells of every row of the section's tables."""
    lines = [line for line in section(title).splitlines() if line.startswith("|") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def undocumented(names, text):
    return [name for name in names if f"`{name}`" not in text]


def log_lines(path):
    text = joined((ROOT / path).read_text())
    return re.findall(r'log::(?:info|warn|error)\(\s*"([^"]+)"', text)


class Messages(unittest.TestCase):
    def test_a_message_that_is_explained_is_one_that_a_program_writes(self):
        explained = [message for row in rows("Errors") for message in re.findall(r"`([^`]+)`", row[1]) if " " in message]
        self.assertGreater(len(explained), 40)
        pieces = [piece for message in explained for piece in message.split("…") if len(piece.strip()) > 3]
        self.assertEqual([piece for piece in pieces if piece.strip() not in CODE], [])

    def test_every_code_that_a_program_makes_is_explained(self):
        made = {name.upper() for name in re.findall(r"Code::([a-z_]+)", CODE)}
        never_made_by_us = {"OK", "UNKNOWN", "ALREADY_EXISTS", "ABORTED", "OUT_OF_RANGE", "DATA_LOSS",
                            "UNAUTHENTICATED", "PERMISSION_DENIED"}
        self.assertEqual(undocumented(sorted(made - never_made_by_us), section("Errors")), [])

    def test_every_log_line_is_explained(self):
        notices = re.findall(r'notice\(\s*Notice::Level::\w+,[^"]*"([^"]+)"(?: : "([^"]+)")?', CODE)
        broker = [text for pair in notices for text in pair if text] + log_lines("broker/rpc_broker.cpp")
        self.assertGreater(len(broker), 8)
        page = section("Log lines of rpc-broker")
        self.assertEqual([text for text in broker if text not in page and text.split(" from a ")[-1] not in page], [])
        worker = log_lines("worker/rpc_worker.cpp") + log_lines("worker/supervisor.cpp")
        self.assertGreater(len(worker), 5)
        self.assertEqual(undocumented(worker, section("Log lines of rpc-worker")), [])


class Figures(RpcTest):
    def test_every_counter_and_gauge_is_explained(self):
        at = self.broker()
        self.worker(at)
        peer = self.client(at)
        peer.result("EchoUtil.CountString", "this is test")
        stats = peer.result("rpc.stats")
        self.assertGreater(len(stats), 30)
        self.assertEqual(undocumented(stats, section("Counters and gauges")), [])

    def test_every_counter_that_is_explained_is_there(self):
        at = self.broker()
        stats = self.client(at).result("rpc.stats")
        explained = [name for row in rows("Counters and gauges") for name in re.findall(r"`(\w+)`", row[0])]
        self.assertGreater(len(explained), 30)
        self.assertEqual([name for name in explained if name not in stats], [])

    def test_every_limit_has_the_default_that_is_told(self):
        told = {row[0].strip("`"): row[1].replace(",", "").replace(" ", "") for row in rows("Limits")
                if row[0].startswith("`--")}
        self.assertGreater(len(told), 10)
        told["--threads"] = told["--threads"].replace("thenumberofcores", str(len(os.sched_getaffinity(0))))
        shown = {}
        for program in "rpc-broker", "rpc-worker":
            page = subprocess.run([BIN / program, "--help"], capture_output=True, text=True, check=True).stdout
            shown.update(re.findall(r"(--[\w-]+) (?:(?!--).)*?\(default (\w+)\)", " ".join(page.split())))
        self.assertEqual([flag for flag, default in told.items() if not default.startswith(shown.get(flag, "none"))], [])


if __name__ == "__main__":
    main()
