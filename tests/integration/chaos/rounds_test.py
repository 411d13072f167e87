"""Some rounds of kill -9 with a thousand calls in flight; scripts/chaos.sh plays hundreds of them."""

import io
import random
import unittest

import rounds
from rpckit import main


class Rounds(unittest.TestCase):
    def played(self, play, number):
        seed = random.SystemRandom().randrange(1 << 31)
        print(f"seed {seed}", flush=True)
        played = play(number, seed)
        text = io.StringIO()
        played.report(text)
        self.assertFalse(played.play.checker.complaints, f"seed {seed}\n{text.getvalue()}")
        self.assertEqual(len(played.rounds), number)
        print(text.getvalue())
        played.cast.remove()

    def test_a_worker_or_the_broker_is_killed(self):
        self.played(rounds.kills, 8)

    def test_one_of_two_brokers_is_killed(self):
        self.played(rounds.brokers, 6)


if __name__ == "__main__":
    main()
