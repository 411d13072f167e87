"""What tests/bench/instructions.py says of figures, and when it fails."""

import copy
import unittest

import instructions

COMMITTED = {
    "made of": {"compiler": "GNU 12.2.0 x86_64", "flags": "-O3", "glibc": "2.36"},
    "instructions per call": {core: {"1": 4000, "64": 2000} for core in instructions.CORES},
}


def measured(core="broker", batch="64", figure=2000, **made_of):
    figures = copy.deepcopy(COMMITTED)
    figures["instructions per call"][core][batch] = figure
    figures["made of"].update(made_of)
    return figures


class Verdict(unittest.TestCase):
    def check(self, figures, status, said):
        lines, got = instructions.verdict(figures, COMMITTED)
        self.assertEqual(got, status)
        self.assertIn(said, "\n".join(lines))

    def test_two_percent_are_allowed_either_way(self):
        for figure in (1960, 2000, 2040):
            self.check(measured(figure=figure), 0, "every figure is within 2%")

    def test_more_fails(self):
        for core in instructions.CORES:
            self.check(measured(core, figure=2041), 1, "costs more")
            self.check(measured(core, "1", figure=4120), 1, "--update")

    def test_less_fails_too_so_that_it_is_written_down(self):
        self.check(measured(figure=1959), 1, "costs less")

    def test_another_compiler_or_other_flags_only_warn(self):
        self.check(measured(figure=3000, compiler="GNU 14.2.0 x86_64"), 0, "WARNING: nothing was checked")
        self.check(measured(figure=3000, flags="-O2"), 0, "flags is -O2, instructions.json was measured with -O3")

    def test_another_library_is_said_and_checked(self):
        self.check(measured(figure=3000, glibc="2.37"), 1, "glibc is 2.37")

    def test_the_table_shows_which_figure_it_is(self):
        lines = list(instructions.table(measured("client", "1", 4120), COMMITTED))
        self.assertEqual([line for line in lines if "<--" in line], [lines[5]])
        self.assertRegex(lines[5], r"client +1 +4,120 +4,000 +\+3.0%  <-- slower")

    def test_many_workers_may_cost_a_fifth_more_than_few(self):
        for most, status in ((2400, 0), (2401, 1)):
            by_workers = dict(zip(instructions.WORKERS, (2000, 2100, 2200, most)))
            _, got = instructions.workers_verdict({"instructions per call by workers": by_workers})
            self.assertEqual(got, status)


if __name__ == "__main__":
    unittest.main()
