"""The dashboard of rpc-gateway in a real Chromium, driven by dashboard.mjs. playwright-core is in $RPC_BROWSER."""

import json
import os
import pathlib
import subprocess
import tempfile

from rpckit import Program, RpcTest, main

TOKEN = "0123456789abcdef0123456789abcdef"


class Dashboard(RpcTest):
    def look(self, *flags, **environment):
        """What the browser saw."""
        broker = self.broker()
        workers = [self.worker(broker) for _ in range(3)]
        gateway = Program("rpc-gateway", "--listen", "127.0.0.1:0", "--broker", broker.frontend, *flags)
        self.addCleanup(gateway.end)
        url = "http://" + gateway.ready()["http"] + "/"
        shots = os.environ.get("RPC_SCREENSHOTS", "")
        with subprocess.Popen(["node", "dashboard.mjs", url, *([shots] if shots else [])], cwd=os.environ["RPC_BROWSER"], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=os.environ | environment) as browser:
            self.addCleanup(browser.kill)
            last = ""
            for line in browser.stdout:
                last = line
                if line == "kill\n":
                    workers[0].kill()
                elif line == "stop\n":
                    gateway.kill()
                else:
                    break
                browser.stdin.write("done\n")
                browser.stdin.flush()
            self.assertTrue(last.startswith("{"), browser.stderr.read())
        return json.loads(last)

    def check(self, seen):
        self.assertEqual(seen["outside"], [])
        self.assertEqual(seen["problems"], [])
        self.assertEqual(seen["workers"], 3)
        self.assertEqual(len(seen["services"]), 1)
        self.assertTrue(seen["services"][0].startswith("EchoUtil: 3 workers"), seen["services"])
        self.assertEqual(seen["signature"], "CountString(text: str) → int")
        self.assertIn("(text: str) → int", seen["hint"])
        self.assertEqual(seen["result"], "3")
        self.assertEqual(seen["filled"], ["EchoUtil.Fail", '["", ""]'])
        self.assertEqual(seen["failure"], "NOT_FOUND: no <b>such</b> thing")
        self.assertEqual(seen["markup"], 0)
        self.assertTrue(seen["charts_move"])
        self.assertEqual(seen["dark"], "rgb(17, 22, 29)")
        self.assertEqual(seen["overflow"], 0)
        self.assertEqual(seen["after_kill"], 2)
        self.assertIn("does not answer", seen["down"])

    def test_what_a_user_sees(self):
        seen = self.look()
        self.check(seen)
        self.assertEqual(seen["drain_buttons"], 0)

    def test_who_has_the_token_and_may_drain(self):
        with tempfile.TemporaryDirectory() as folder:
            token = pathlib.Path(folder, "token")
            token.write_text(TOKEN)
            seen = self.look("--token-file", token, "--allow", "EchoUtil.*", "--allow", "rpc.drain", RPC_TOKEN=TOKEN, RPC_MAY_DRAIN="1")
        self.check(seen)
        self.assertTrue(seen["token"])
        self.assertEqual(seen["after_drain"], 1)


if __name__ == "__main__":
    main()
