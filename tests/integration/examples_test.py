"""The C++ programs that README quotes run as it says, and README quotes them as they are."""

import re
import subprocess

from rpckit import BIN, ROOT, RpcTest, clean_environment, main


class Examples(RpcTest):
    def test_a_worker_and_a_client_of_ones_own(self):
        broker = self.broker()
        self.program("greeter_worker", broker.backend)
        client = subprocess.run([BIN / "greeter_client", broker.frontend], env=clean_environment(), timeout=20,
                                stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(client.stdout.splitlines(),
                         ["Hello, world!", "INVALID_ARGUMENT: b must not be 0", "7 5", "3 2 1 lift-off"])

    def test_a_client_that_awaits_its_calls(self):
        broker = self.broker()
        self.program("greeter_worker", broker.backend)
        client = subprocess.run([BIN / "coroutine_client", broker.frontend], env=clean_environment(), timeout=20,
                                stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(client.stdout.splitlines(), ["Hello, coroutine!", "7", "INVALID_ARGUMENT: b must not be 0"])

    def test_readme_quotes_the_examples_as_they_are(self):
        readme = (ROOT / "README.md").read_text()
        sources = [path.read_text() for path in (ROOT / "examples").rglob("*.*") if path.suffix in (".cpp", ".py", ".mjs")]
        quotes = re.findall(r"```(?:cpp|python|js)\n(.*?)```", readme, re.DOTALL)
        self.assertGreaterEqual(len(quotes), 4)
        for quote in quotes:
            for part in quote.strip("\n").split("\n…\n"):
                self.assertTrue(any(part.strip("\n") in source for source in sources), f"not in examples/:\n{part}")


if __name__ == "__main__":
    main()
