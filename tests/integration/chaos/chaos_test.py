"""Faults at random for a minute (RPC_CHAOS_SECONDS), from a seed that is printed; every call is accounted for.

With RPC_CHAOS_SEED, that seed's faults again; what the programs do meanwhile is as it comes.
"""

import io
import os
import random
import unittest

import chaos
from rpckit import main


class Chaos(unittest.TestCase):
    def test_the_promise_is_kept(self):
        seconds = float(os.environ.get("RPC_CHAOS_SECONDS", "60"))
        seed = int(os.environ.get("RPC_CHAOS_SEED", random.SystemRandom().randrange(1 << 31)))
        print(f"seed {seed}", flush=True)
        play = chaos.run(seconds, seed)
        text = io.StringIO()
        play.report(text)
        self.assertFalse(play.checker.complaints, f"seed {seed}\n{text.getvalue()}")
        print(text.getvalue())
        play.cast.remove()


if __name__ == "__main__":
    main()
