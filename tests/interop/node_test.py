"""The Node example against the real broker. Its packages were installed into $RPC_NODE by the test before this one."""

import os
import subprocess

from rpckit import RpcTest, main


class Node(RpcTest):
    def output(self, example):
        broker = self.broker()
        self.worker(broker)
        run = subprocess.run(["node", example, broker.frontend], cwd=os.environ["RPC_NODE"], capture_output=True,
                             text=True, timeout=60)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def test_a_client_gets_3(self):
        self.assertEqual(self.output("client.mjs"), "3\n")

    def test_a_client_reads_a_stream_and_cancels_a_call(self):
        self.assertEqual(self.output("stream.mjs").split(), [*map(str, range(25)), "CANCELLED"])


if __name__ == "__main__":
    main()
