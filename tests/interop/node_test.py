"""The Node example against the real broker. Its packages were installed into $RPC_NODE by the test before this one."""

import os
import subprocess

from rpckit import RpcTest, main


class Node(RpcTest):
    def test_a_client_gets_3(self):
        broker = self.broker()
        self.worker(broker)
        run = subprocess.run(["node", "client.mjs", broker.frontend], cwd=os.environ["RPC_NODE"], capture_output=True,
                             text=True, timeout=60)
        self.assertEqual((run.returncode, run.stdout), (0, "3\n"), run.stderr)


if __name__ == "__main__":
    main()
