"""Faults at random under load, from a seed; the history is checked against the promise.

    scripts/chaos.sh storms [--seconds 600] [--seed N] [--directory DIR]

Storms of faults, some eight seconds each, alternate with calm, in which every call that can succeed must.
"""

import argparse
import random
import sys
import time

from cast import Cast
from play import Play

STORM, CALM = 8, 5
# Naps are so long that many calls are under way whenever something happens.
CAST = {"threads": 32, "broker_flags": ("--drain-timeout", "3s"), "client_flags": ("--nap", 300)}


def run(seconds, seed, directory=None):
    """The play, with its complaints."""
    with Cast(random.Random(seed), directory, **CAST) as cast:
        play = Play(cast)
        play.guard(lambda: storms(play, seconds))
        return play


def storms(play, seconds):
    end = time.monotonic() + seconds
    play.start()
    while time.monotonic() < end:
        play.storm(min(STORM, end - time.monotonic()))
        play.for_seconds(CALM)
    play.finish()


def main():
    parser = argparse.ArgumentParser(description="Faults at random under load; the history is checked.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--directory", help="keeps journals and logs there")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    play = run(arguments.seconds, arguments.seed, arguments.directory)
    play.report()
    if play.checker.complaints:
        return 1
    if not arguments.directory:
        play.cast.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
