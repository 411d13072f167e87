"""The dashboard of rpc-gateway in a real Chromium, driven by dashboard.mjs. playwright-core is in $RPC_BROWSER."""

import json
import os
import pathlib
import subprocess
import tempfile

from rpckit import Program, RpcTest, main

TOKEN = "0123456789abcdef0123456789abcdef"


class Dashboard(RpcTest):
    def gateway(self, brokers, *flags):
        endpoints = [argument for broker in brokers for argument in ("--broker", broker.frontend)]
        gateway = Program("rpc-gateway", "--listen", "127.0.0.1:0", *endpoints, *flags)
        self.addCleanup(gateway.end)
        gateway.url = "http://" + gateway.ready()["http"] + "/"
        return gateway

    def look(self, *flags, **environment):
        """What the browser saw."""
        broker = self.broker()
        workers = [self.worker(broker) for _ in range(3)]
        gateway = self.gateway([broker], *flags)
        return self.browse("dashboard.mjs", gateway, {"kill": workers[0].kill, "stop": gateway.kill}, **environment)

    def browse(self, script, gateway, deeds, **environment):
        """Runs the script, and does what it wants done."""
        shots = os.environ.get("RPC_SCREENSHOTS", "")
        with subprocess.Popen(["node", script, gateway.url, *([shots] if shots else [])], cwd=os.environ["RPC_BROWSER"], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=os.environ | environment) as browser:
            self.addCleanup(browser.kill)
            last = ""
            for line in browser.stdout:
                last = line
                if line.strip() not in deeds:
                    break
                deeds[line.strip()]()
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

    def test_two_brokers_are_shown_together(self):
        brokers = [self.broker(), self.broker()]
        for broker in brokers:
            self.worker(broker)
        gateway = self.gateway(brokers, "--allow", "EchoUtil.*", "--allow", "rpc.drain")
        seen = self.browse("brokers.mjs", gateway, {"kill": brokers[1].kill})
        first, second = (broker.frontend for broker in brokers)
        self.assertEqual((seen["outside"], seen["problems"], seen["overflow"]), ([], [], 0))
        self.assertEqual(len(seen["services"]), 1)
        self.assertTrue(seen["services"][0].startswith("EchoUtil: 1 + 1 workers"), seen["services"])
        self.assertEqual(seen["brokers"], [first, second])
        self.assertIn(first, seen["header"])
        self.assertIn(second, seen["header"])
        self.assertEqual(seen["state"], "live")
        self.assertEqual(seen["after_drain"], [first])
        self.assertIn(f"{second} does not answer", seen["down"])
        self.assertEqual(seen["after_kill"], [first])

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
