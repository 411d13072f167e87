"""Writes down when the machine did nothing: a process that has nothing to do but to wake up, and does not.

    bystander.py JOURNAL

A virtual machine is halted now and then, and a processor shared: calls that run out of time then are nobody's fault. What counts as
a halt is far more than a process waits for its turn on a loaded machine.
"""

import sys
import time

from history import now_us

PAUSE = 0.02
HALT = 250_000  # microseconds, at least


def main():
    with open(sys.argv[1], "a", buffering=1, encoding="ascii") as journal:
        while True:
            begin = now_us()
            time.sleep(PAUSE)
            end = now_us()
            if end - begin >= HALT:
                journal.write(f"Z {begin} {end}\n")


if __name__ == "__main__":
    main()
