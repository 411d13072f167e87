"""The checker, given histories that are right and histories that are wrong: a check that cannot fail is none."""

import unittest

from checker import MS, SECOND, SETTLED, Checker, Limits


class History:
    """Lines, a call after the other; times in milliseconds."""

    def __init__(self, **limits):
        self.checker = Checker(Limits(**limits))

    def line(self, process, kind, ms, rest):
        self.checker.take(process, f"{kind} {ms * MS} {rest}")
        return self

    def starts(self, ms=0, call="c1.1:1", method="Quick", word="no", timeout=5000, attempts=1, work=0):
        return self.line("c1.1", "S", ms, f"{call} {method} {word} {timeout} {attempts} {work}")

    def cancels(self, ms, call="c1.1:1"):
        return self.line("c1.1", "C", ms, call)

    def runs(self, begin, end=None, call="c1.1:1", method="Quick", how="done", worker="w1.1"):
        self.line(worker, "B", begin, f"{call} {method}")
        return self if end is None else self.line(worker, "E", end, f"{call} {how}")

    def ends(self, ms, code="OK", by="-", ran="-", items="-", text="c1.1:1", call="c1.1:1"):
        return self.line("c1.1", "D", ms, f"{call} {code} {by} {ran} {items} {text}")

    def fault(self, begin, end, kind="kill", role="worker", name="w1.1"):
        number = len(self.checker.faults) + 1
        self.line("faults", "F", begin, f"{number} {kind} {role} {name}")
        return self if end is None else self.line("faults", "H", end, str(number))

    def halts(self, begin, end):
        return self.line("machine", "Z", begin, str(end * MS))

    def quits(self, ms=60000):
        return self.line("c1.1", "Q", ms, "c1.1")

    def rules(self):
        """Of the complaints, once the run is over."""
        self.checker.finish(["c1.1"] if "c1.1" not in self.checker.killed else [])
        return [rule for rule, _, _ in self.checker.complaints]


class Right(unittest.TestCase):
    def right(self, history):
        self.assertEqual(history.quits().rules(), [])

    def test_a_call_that_gives_its_result(self):
        self.right(History().starts().runs(1, 2).ends(3))

    def test_lines_of_another_process_that_are_read_late(self):
        self.right(History().ends(3).runs(1, 2).starts())

    def test_a_stream_of_all_its_items(self):
        self.right(History().starts(method="Count", work=7).runs(1, 2, method="Count").ends(3, items="7", text="7"))

    def test_a_stream_that_was_cut_short_by_its_deadline(self):
        history = History().starts(method="Count", work=700, timeout=10).runs(1, 10, method="Count", how="stopped")
        self.right(history.ends(11, items="5", text="5"))

    def test_a_call_that_failed_as_its_worker_was_killed(self):
        self.right(History().starts().runs(1).fault(2, 500).ends(3, "UNAVAILABLE", "broker", "maybe"))

    def test_an_idempotent_call_that_was_run_again(self):
        history = History().starts(word="registered").runs(1).fault(2, 500)
        self.right(history.runs(3, 4, worker="w2.1").ends(5))

    def test_a_client_that_was_killed_with_its_calls(self):
        history = History().starts().runs(1, 2).fault(3, 500, role="client", name="c1.1")
        self.assertEqual(history.rules(), [])

    def test_a_client_that_was_stopped_hears_late(self):
        history = History().starts(timeout=1000).fault(10, 5000, "stop", "client", "c1.1").runs(1, 2)
        self.right(history.ends(5001))

    def test_a_handler_that_throws(self):
        history = History().starts(method="Fail").runs(1, 2, method="Fail", how="threw")
        self.right(history.ends(3, "INTERNAL", "handler", "unsaid"))

    def test_a_call_that_was_cancelled(self):
        history = History().starts(method="Nap", work=100).cancels(5).runs(1, 6, how="stopped")
        self.right(history.ends(5, "CANCELLED", "client", "maybe", text="the caller cancelled it"))

    def test_a_call_with_too_little_time(self):
        history = History().starts(method="Nap", work=100, timeout=50).runs(1, 51, how="stopped")
        self.right(history.ends(51, "DEADLINE_EXCEEDED", "broker", "maybe", text="too late"))

    def test_a_one_way_call(self):
        self.right(History().starts(method="Tell").ends(1, text="told").runs(1, 2, method="Tell"))

    def test_a_call_without_an_end_is_judged_when_its_time_is_over_and_not_before(self):
        history = History().starts()
        history.checker.settle(5 * SECOND + SETTLED - 1)
        self.assertEqual(history.checker.complaints, [])
        history.checker.settle(5 * SECOND + SETTLED + 1)
        self.assertEqual(history.quits().rules(), ["no outcome"])

    def test_under_way_is_what_had_begun_and_not_ended(self):
        history = History().starts(0, "c1.1:1").ends(10, call="c1.1:1").starts(5, "c1.1:2").starts(8, "c1.1:3")
        self.assertEqual([call.id for call in history.checker.under_way(7 * MS)], ["c1.1:1", "c1.1:2"])

    def test_what_a_halt_of_the_machine_delayed(self):
        self.right(History().starts(timeout=500).runs(8000, 8001).halts(100, 8000).ends(8002))

    def test_an_error_right_after_a_halt_of_the_machine(self):
        self.right(History().starts().halts(100, 3000).ends(3001, "UNAVAILABLE", "client", "maybe", text="silent"))

    def test_a_call_that_was_refused_right_after_a_fault_and_rested_for_most_of_its_time(self):
        history = History().fault(0, 100).starts(101, timeout=2500, attempts=3).runs(2570, 2601, how="stopped")
        self.right(history.ends(2601, "DEADLINE_EXCEEDED", "broker", "maybe"))


class Wrong(unittest.TestCase):
    def wrong(self, rule, history, end=True):
        if end:
            history.quits()
        self.assertEqual(history.rules(), [rule])

    def test_a_call_without_an_outcome(self):
        self.wrong("no outcome", History().starts())

    def test_a_client_that_did_not_end_in_order(self):
        self.wrong("one outcome", History().starts().runs(1, 2).ends(3), end=False)

    def test_a_call_that_is_late_by_more_than_the_halt(self):
        self.wrong("in time", History().starts(timeout=500).runs(1, 2).halts(100, 2000).ends(4900))

    def test_an_error_of_a_call_that_was_made_after_the_halt(self):
        self.wrong("error", History().halts(100, 2000).starts(2001).ends(2010, "UNAVAILABLE", "client", "maybe"))

    def test_a_halt_excuses_nothing_where_faults_explain_for_so_long_only(self):
        history = History(explains=100 * MS).starts().halts(100, 2000)
        self.wrong("error", history.ends(2001, "UNAVAILABLE", "client", "maybe"))

    def test_a_call_that_runs_twice_in_a_halt(self):
        self.wrong("how often", History().starts().runs(1, 2).halts(100, 2000).runs(2001, 2002).ends(2003))

    def test_a_call_that_ends_twice(self):
        self.wrong("one outcome", History().starts().runs(1, 2).ends(3).ends(4))

    def test_an_outcome_that_comes_too_late(self):
        self.wrong("in time", History().starts(timeout=1000).runs(1, 2).ends(2251))

    def test_a_stop_of_another_client_excuses_nothing(self):
        history = History().starts(timeout=1000).fault(10, 5000, "stop", "client", "c2.1").runs(1, 2)
        self.wrong("in time", history.ends(5001))

    def test_a_deadline_that_comes_early(self):
        history = History().starts(timeout=1000, method="Nap", work=900).runs(1, 500, how="stopped")
        self.wrong("in time", history.ends(500, "DEADLINE_EXCEEDED", "broker", "maybe"))

    def test_the_result_of_another_call(self):
        self.wrong("result", History().starts().runs(1, 2).ends(3, text="c1.1:2"))

    def test_a_result_without_an_execution(self):
        self.wrong("result", History().starts().ends(3))

    def test_a_result_before_its_execution(self):
        self.wrong("result", History().starts().runs(20, 30).ends(3))

    def test_a_result_of_an_execution_that_was_cut_off(self):
        self.wrong("result", History().starts().runs(1).ends(3))

    def test_a_result_of_what_must_fail(self):
        self.wrong("result", History().starts(method="Fail").runs(1, 2, method="Fail", how="threw").ends(3))

    def test_a_call_run_twice(self):
        history = History().starts().runs(1).fault(2, 500).runs(3, 4, worker="w2.1")
        self.wrong("how often", history.ends(5))

    def test_an_idempotent_call_run_twice_without_need(self):
        self.wrong("how often", History().starts(word="caller").runs(1, 2).runs(3, 4, worker="w2.1").ends(5))

    def test_an_idempotent_call_run_a_third_time(self):
        history = History().starts(word="registered").fault(1, 500).runs(1).runs(2, worker="w2.1")
        self.wrong("how often", history.runs(3, 4, worker="w3.1").ends(5))

    def test_a_client_s_death_does_not_excuse_a_second_execution(self):
        history = History().starts().runs(1, 2).runs(3, 4).fault(2, 500, role="client", name="c1.1")
        self.wrong("how often", history, end=False)

    def test_an_error_that_says_it_was_not_run_though_it_was(self):
        self.wrong("error", History().starts().fault(0, 9).runs(1, 2).ends(3, "UNAVAILABLE", "broker", "no"))

    def test_an_execution_after_an_error_that_says_it_was_not_run(self):
        self.wrong("error", History().starts().fault(0, 9).ends(3, "UNAVAILABLE", "client", "no").runs(100, 101))

    def test_a_failure_that_no_fault_explains(self):
        self.wrong("error", History().starts().ends(3, "UNAVAILABLE", "broker", "no"))

    def test_a_failure_long_after_the_fault_was_healed(self):
        history = History().fault(0, 100).starts(2200)
        self.wrong("error", history.ends(2300, "UNAVAILABLE", "broker", "no"))

    def test_a_failure_of_a_call_with_attempts_that_began_long_after_the_fault(self):
        history = History().fault(0, 100).starts(2200, timeout=2500, attempts=3)
        self.wrong("error", history.ends(4700, "DEADLINE_EXCEEDED", "broker", "maybe"))

    def test_a_failure_that_comes_long_after_the_fault_that_befell_the_call(self):
        history = History().starts(timeout=9000).runs(1).fault(2, 500)
        self.wrong("error", history.ends(9000, "DEADLINE_EXCEEDED", "broker", "maybe"))

    def test_a_code_that_a_fault_does_not_explain_here(self):
        history = History(allowed=frozenset({"UNAVAILABLE"})).starts().fault(0, 100)
        self.wrong("error", history.ends(3, "NOT_FOUND", "broker", "no"))

    def test_a_call_made_later_than_a_fault_explains_though_it_is_not_healed(self):
        history = History(explains=100 * MS).fault(0, 900).starts(101)
        self.wrong("error", history.ends(103, "UNAVAILABLE", "broker", "no"))

    def test_an_idempotent_call_that_failed_where_none_may(self):
        history = History(caller_s_word_counts=True).starts(word="caller").fault(0, 9)
        self.wrong("error", history.ends(3, "UNAVAILABLE", "broker", "no"))

    def test_a_code_that_is_never_given(self):
        self.wrong("error", History().starts().fault(0, 9).ends(3, "UNIMPLEMENTED", "broker", "no"))

    def test_an_error_that_does_not_say_whether_it_ran(self):
        self.wrong("error", History().starts().fault(0, 9).ends(3, "UNAVAILABLE", "broker", "unsaid"))

    def test_a_cancelled_call_that_nobody_cancelled(self):
        self.wrong("error", History().starts().fault(0, 9).ends(3, "CANCELLED", "client", "maybe"))

    def test_an_error_of_another_call_s_handler(self):
        history = History().starts(method="Fail").runs(1, 2, method="Fail", how="threw")
        self.wrong("error", history.ends(3, "INTERNAL", "handler", "unsaid", text="c1.1:2"))

    def test_an_internal_error_of_what_does_not_throw(self):
        self.wrong("error", History().starts().runs(1, 2).ends(3, "INTERNAL", "handler", "unsaid"))

    def test_items_out_of_order(self):
        history = History().starts(method="Count", work=7).runs(1, 2, method="Count")
        self.wrong("result", history.ends(3, items="disorder", text="7"))

    def test_items_out_of_order_before_an_error(self):
        history = History().starts(method="Count", work=7).fault(0, 9).runs(1, method="Count")
        self.wrong("error", history.ends(3, "UNAVAILABLE", "broker", "maybe", items="disorder"))

    def test_a_stream_that_lacks_an_item(self):
        history = History().starts(method="Count", work=7).runs(1, 2, method="Count")
        self.wrong("result", history.ends(3, items="6", text="7"))

    def test_a_call_that_was_begun_after_its_deadline(self):
        history = History().starts(timeout=1000).fault(0, 900).ends(1001, "DEADLINE_EXCEEDED", "broker", "maybe")
        self.wrong("not expired", history.runs(2100, 2101))

    def test_an_execution_of_what_nobody_called(self):
        self.wrong("executions", History().runs(1, 2))

    def test_an_execution_long_after_the_call_was_over(self):
        history = History().starts().runs(1, 2).ends(3)
        history.checker.settle(2 * SETTLED)
        self.wrong("executions", history.runs(70000, 70001))

    def test_an_end_without_a_beginning(self):
        self.wrong("executions", History().starts().runs(1, 2).ends(3).line("w2.1", "E", 4, "c1.1:1 done"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
