"""Time in which a machine stood still, so that limits of seconds hold programs to account and not the machine.

A virtual machine on a crowded host stops for tens of milliseconds now and then, sometimes for a second. A thread that sleeps
for a few milliseconds again and again wakes late then, whatever the programs under test do: a scheduler wakes a sleeper
within some milliseconds also where all cores compute.
"""

import threading
import time

STEP = 0.01  # seconds
USUAL = 0.02  # what a wake-up may be late by on a machine that is busy, but runs


class Halts:
    def __init__(self):
        self.halts = []  # (when it was over, seconds)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        last = time.monotonic()
        while True:
            time.sleep(STEP)
            now = time.monotonic()
            late = now - last - STEP
            if late > USUAL:
                self.halts.append((now, late))
            last = now

    def seconds_since(self, begin):
        """How long the machine stood still since `begin` (time.monotonic())."""
        time.sleep(2 * STEP)  # a halt that has just ended is known by then
        return sum(seconds for end, seconds in list(self.halts) if end > begin)
