"""Completion in bash: flags as the programs have them, files, and the methods of the broker that is named on the line."""

import pathlib
import re
import socket
import subprocess
import tempfile
import time

from rpckit import BIN, PATIENCE, ROOT, RpcTest, clean_environment, main

SCRIPT = ROOT / "client/completion/rpc-call.bash"
PROGRAMS = ("rpc-broker", "rpc-worker", "rpc-call", "rpc-top", "rpc-bench", "rpc-keygen", "rpc-gateway")
# As bash does it: it breaks words at these, too, and each of them (or a run of them) is a word.
BREAKS = re.compile(r"([:=]+)")

COMPLETE = r"""
source "$1"; shift
COMP_LINE=$1; COMP_POINT=${#1}; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_rpc_program "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


def help_of(program):
    return subprocess.run([BIN / program, "--help"], capture_output=True, text=True, check=True).stdout


class CompletionTest(RpcTest):
    def complete(self, program, typed, environment=None):
        """What is offered for the last word of `typed`, which may be empty."""
        line = f"{BIN / program} {typed}"
        words = [part for word in line.split(" ") for part in (BREAKS.split(word) if word else [""]) if part or not word]
        self.assertNotIn(":", str(BIN))
        run = subprocess.run(["/bin/bash", "--norc", "-c", COMPLETE, "complete", SCRIPT, line, *words],
                             capture_output=True, text=True, env=environment or clean_environment(),
                             timeout=3 * PATIENCE)
        self.assertEqual((run.returncode, run.stderr), (0, ""), run)
        return sorted(filter(None, run.stdout.split("\n")))


class Flags(CompletionTest):
    def test_every_flag_of_every_program(self):
        for program in PROGRAMS:
            with self.subTest(program=program):
                flags = re.findall(r"^ +(?:-h,)?(--[a-z-]+)(?: |$)", help_of(program), re.MULTILINE)
                self.assertGreater(len(flags), 4)
                self.assertEqual(self.complete(program, "--"), sorted(set(flags)))  # examples name some again

    def test_a_flag_by_its_beginning(self):
        self.assertEqual(self.complete("rpc-call", "--meta a=b --na"), ["--names"])

    def test_values_are_those_that_help_lists(self):
        for program, flag in (("rpc-call", "--log-level"), ("rpc-call", "--log-format"), ("rpc-top", "--view"),
                              ("rpc-bench", "--shape"), ("rpc-bench", "--format"), ("rpc-bench", "--transport")):
            with self.subTest(flag=flag):
                text = " ".join(help_of(program).split())
                listed = re.search(flag + r" WORD [^:]*: ((?:[a-z]+, )*[a-z]+ or [a-z]+)", text).group(1)
                self.assertEqual(self.complete(program, flag + " "), sorted(re.split(", | or ", listed)))

    def test_a_value_after_an_equals_sign(self):
        self.assertEqual(self.complete("rpc-top", "--view=me"), ["methods"])
        self.assertEqual(self.complete("rpc-call", "--log-format="), ["json", "text"])

    def test_columns_are_those_of_the_view(self):
        self.assertEqual(self.complete("rpc-top", "--view methods --sort p"), ["p50_us", "p99_us"])
        self.assertEqual(self.complete("rpc-top", "--view=workers --sort cap"), ["capacity"])
        self.assertEqual(self.complete("rpc-top", "--sort service"), ["service"])

    def test_what_takes_any_text_is_left_to_the_user(self):
        self.assertEqual(self.complete("rpc-call", "--key "), [])
        self.assertEqual(self.complete("rpc-top", ""), [])


class Files(CompletionTest):
    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.at = directory.name
        for name in ("letter one.txt", "letter2"):
            (pathlib.Path(self.at) / name).write_text("x")
        (pathlib.Path(self.at) / "folder").mkdir()

    def test_after_an_at_sign(self):
        self.assertEqual(self.complete("rpc-call", f"Any.Method @{self.at}/let"),
                         [f"@{self.at}/letter2", f"@{self.at}/letter\\ one.txt"])
        self.assertEqual(self.complete("rpc-call", f"Any.Method 1 @{self.at}/f"), [f"@{self.at}/folder/"])
        self.assertEqual(self.complete("rpc-call", f"--json @{self.at}/f"), [f"@{self.at}/folder/"])

    def test_of_flags_that_take_one(self):
        self.assertEqual(self.complete("rpc-broker", f"--config {self.at}/letter2"), [f"{self.at}/letter2"])


class Methods(CompletionTest):
    def setUp(self):
        super().setUp()
        self.at = self.broker()
        self.serving = self.peer(self.at.backend)
        self.serving.register({"Shop": ["Buy", "BuyAgain", "Sell"], "My.Bank": ["Pay"]})

    def test_of_the_broker_that_is_named_on_the_line(self):
        for broker in (f"--broker {self.at.frontend}", f"--broker={self.at.frontend}", f'--broker "{self.at.frontend}"'):
            with self.subTest(broker=broker):
                self.assertEqual(self.complete("rpc-call", f"{broker} Shop.B"), ["Shop.Buy", "Shop.BuyAgain"])
                self.assertEqual(self.complete("rpc-call", f"{broker} --timeout 3s --raw "),
                                 ["My.Bank.Pay", "Shop.Buy", "Shop.BuyAgain", "Shop.Sell"])

    def test_of_the_broker_in_the_environment(self):
        environment = clean_environment(RPC_BROKER=self.at.frontend)
        self.assertEqual(self.complete("rpc-call", "My", environment), ["My.Bank.Pay"])
        self.assertEqual(self.complete("rpc-call", "rpc.s", environment), ["rpc.services", "rpc.stats"])
        self.assertEqual(self.complete("rpc-call", "--describe Shop.S", environment), ["Shop.Sell"])
        self.assertEqual(self.complete("rpc-bench", "--quiet Shop.B", environment), ["Shop.Buy", "Shop.BuyAgain"])

    def test_only_where_one_is_wanted(self):
        environment = clean_environment(RPC_BROKER=self.at.frontend)
        for typed in ("Shop.Buy ", "--list ", "--names ", "--describe Shop.Buy ", "--key "):
            with self.subTest(typed=typed):
                self.assertEqual(self.complete("rpc-call", typed, environment), [])
        self.assertEqual(self.complete("rpc-bench", "--mix ", environment), [])

    def test_names_of_strangers_are_not_run(self):
        with tempfile.TemporaryDirectory() as directory:
            trap = pathlib.Path(directory) / "trap"
            self.serving.register({"Evil": [f"$(touch {trap})", f"`touch {trap}`", "a b"]})
            offered = self.complete("rpc-call", f"--broker {self.at.frontend} Evil")
            self.assertFalse(trap.exists())
        self.assertEqual(len(offered), 3, offered)
        self.assertIn("Evil.a\\ b", offered)
        for word in offered:
            self.assertNotRegex(word, r"(^|[^\\])[$`(]", "quoted for the shell")

    def test_nobody_answers(self):
        with socket.socket() as probe:  # bound, not listening: nobody else gets the port meanwhile
            probe.bind(("127.0.0.1", 0))
            begin = time.monotonic()
            self.assertEqual(self.complete("rpc-call", f"--broker tcp://127.0.0.1:{probe.getsockname()[1]} "), [])
            self.assert_within(time.monotonic() - begin, 1.0)


if __name__ == "__main__":
    main()
