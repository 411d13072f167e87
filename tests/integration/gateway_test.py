"""rpc-gateway as clients of HTTP meet it."""

import contextlib
import http.client
import json
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

from rpckit import BIN, PATIENCE, ROOT, RpcTest, clean_environment, in_flight, main, read_to_end, wait_until

TOKEN = "a token of sixteen characters".replace(" ", "-")


class Gateway(RpcTest):
    def gateway(self, *flags, brokers=(), limits=None):
        endpoints = [argument for broker in brokers for argument in ("--broker", broker.frontend)]
        gateway = self.program("rpc-gateway", "--listen", "127.0.0.1:0", *endpoints, *flags, limits=limits)
        host, port = gateway.ready()["http"].split(":")
        gateway.address = (host, int(port))
        return gateway

    def served(self, *flags):
        """A gateway, a broker and a worker."""
        broker = self.broker()
        self.worker(broker, "--threads", "4")
        gateway = self.gateway(*flags, brokers=[broker])
        gateway.broker = broker
        return gateway

    def connect(self, gateway):
        connection = http.client.HTTPConnection(*gateway.address, timeout=PATIENCE)
        self.addCleanup(connection.close)
        return connection

    def ask(self, gateway, method, path, body=None, **fields):
        """(status, body) of a request on a connection of its own."""
        connection = self.connect(gateway)
        fields = {name.replace("_", "-"): value for name, value in fields.items()}
        connection.request(method, path, body if body is None or isinstance(body, (str, bytes)) else json.dumps(body), fields)
        response = connection.getresponse()
        return response.status, response.read().decode()

    def stranger(self, gateway, first=b""):
        sock = socket.create_connection(gateway.address, PATIENCE)
        self.addCleanup(sock.close)
        sock.sendall(first)
        return sock

    def test_a_call_by_its_path(self):
        gateway = self.served()
        self.assertEqual(self.ask(gateway, "POST", "/call/EchoUtil.CountString", ["this is test"]), (200, "3\n"))
        self.assertEqual(self.ask(gateway, "POST", "/call/EchoUtil.Count", {"part": "an", "text": "banana"}), (200, "2\n"))
        status, body = self.ask(gateway, "POST", "/call/EchoUtil.Fail", ["ABORTED", "too late"])
        self.assertEqual((status, json.loads(body)), (409, {"error": {"code": "ABORTED", "message": "too late"}}))
        status, body = self.ask(gateway, "POST", "/call/EchoUtil.Sleep?timeout=50ms", [10000])
        self.assertEqual((status, json.loads(body)["error"]["code"]), (504, "DEADLINE_EXCEEDED"))
        self.assertEqual(self.ask(gateway, "POST", "/call/EchoUtil.Nothing", [])[0], 501)

    def test_json_rpc(self):
        gateway = self.served()
        call = {"jsonrpc": "2.0", "method": "EchoUtil.CountString", "params": {"text": "this is test"}, "id": 1}
        status, body = self.ask(gateway, "POST", "/rpc", [call, {**call, "method": "Nobody.Knows", "id": 2}])
        self.assertEqual(status, 200)
        right, wrong = json.loads(body)
        self.assertEqual(right, {"jsonrpc": "2.0", "result": 3, "id": 1})
        self.assertEqual((wrong["id"], wrong["error"]["code"]), (2, -32601))

    def test_many_requests_on_a_connection_without_waiting(self):
        gateway = self.served()
        body = b'["this is test"]'
        request = b"POST /call/EchoUtil.CountString HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        sock = self.stranger(gateway, 999 * request + request.replace(b"Host", b"Connection: close\r\nHost"))
        self.assertEqual(read_to_end(sock).count(b"\r\n\r\n3\n"), 1000)

    def test_services_health_and_readiness(self):
        gateway = self.served()
        status, body = self.ask(gateway, "GET", "/services")
        self.assertEqual((status, json.loads(body)[0]["name"]), (200, "EchoUtil"))
        self.assertEqual(self.ask(gateway, "GET", "/healthz"), (200, "ok\n"))
        self.assertEqual(self.ask(gateway, "GET", "/readyz"), (200, "ready\n"))
        gateway.broker.kill()
        wait_until(lambda: self.ask(gateway, "GET", "/readyz")[0] == 503, "the gateway is not ready without a broker")
        self.assertEqual(self.ask(gateway, "GET", "/healthz"), (200, "ok\n"))

    def test_metrics_are_what_prometheus_reads(self):
        gateway = self.served()
        self.ask(gateway, "POST", "/call/EchoUtil.CountString", ["this is test"])
        self.ask(gateway, "POST", "/call/EchoUtil.Fail", ["ABORTED", "x"])
        status, text = self.ask(gateway, "GET", "/metrics")
        self.assertEqual(status, 200)
        at = gateway.broker.frontend
        for line in (f'rpc_gateway_broker_up{{broker="{at}"}} 1', 'rpc_gateway_call_seconds_count{method="EchoUtil.CountString"} 1',
                     f'rpcbroker_method_calls_total{{broker="{at}",method="EchoUtil.CountString"}} 1',
                     f'rpcbroker_service_workers{{broker="{at}",service="EchoUtil"}} 1',
                     f'rpcbroker_method_call_seconds_count{{broker="{at}",method="EchoUtil.Fail"}} 1',
                     'rpc_gateway_call_errors_total{method="EchoUtil.Fail"} 1', f'rpcbroker_calls_accepted_total{{broker="{at}"}} 2'):
            self.assertIn(line, text.splitlines())
        self.check_by_promtool(text)

    def check_by_promtool(self, text):
        promtool = shutil.which("promtool") or ROOT / "build/promtool/usr/bin/promtool"
        if not pathlib.Path(promtool).exists():
            self.skipTest("promtool is not there: scripts/test.sh fetches it")
        check = subprocess.run([promtool, "check", "metrics"], input=text.encode(), capture_output=True, timeout=PATIENCE)
        self.assertEqual((check.returncode, check.stdout + check.stderr), (0, b""))

    def test_each_broker_has_its_own_metrics_and_drains_its_own_workers(self):
        brokers = [self.broker(), self.broker()]
        self.worker(brokers[0], "--name", "first")
        self.worker(brokers[1], "--name", "second")
        gateway = self.gateway("--allow", "rpc.drain", brokers=[*brokers, brokers[0]])
        state = json.loads(self.ask(gateway, "GET", "/dashboard/state")[1])
        self.assertEqual([(each["broker"], [worker["name"] for worker in each["workers"]]) for each in state["brokers"]],
                         [(brokers[0].frontend, ["first"]), (brokers[1].frontend, ["second"])])
        metrics = self.ask(gateway, "GET", "/metrics")[1]
        drained = state["brokers"][1]["workers"][0]["id"]
        at = urllib.parse.quote(brokers[1].frontend, safe="")
        self.assertEqual(self.ask(gateway, "POST", f"/call/rpc.drain?broker={at}", [drained]), (200, "null\n"))
        wait_until(lambda: not self.client(brokers[1]).result("rpc.workers"), "the second broker's worker leaves")
        self.assertEqual(len(self.client(brokers[0]).result("rpc.workers")), 1)
        brokers[1].kill()
        text = self.ask(gateway, "GET", "/metrics")[1]
        self.assertIn(f'rpc_gateway_broker_up{{broker="{brokers[0].frontend}"}} 1', text.splitlines())
        self.assertIn(f'rpc_gateway_broker_up{{broker="{brokers[1].frontend}"}} 0', text.splitlines())
        self.check_by_promtool(metrics)

    def test_streams_in_lines_and_as_events(self):
        gateway = self.served()
        status, body = self.ask(gateway, "POST", "/call/EchoUtil.Range", [10000])
        lines = [json.loads(line) for line in body.splitlines()]
        self.assertEqual(lines, [{"item": i} for i in range(10000)] + [{"result": 10000}])
        status, body = self.ask(gateway, "POST", "/call/EchoUtil.Range", [2], Accept="text/event-stream")
        self.assertEqual((status, body), (200, "data: 0\n\ndata: 1\n\nevent: result\ndata: 2\n\n"))
        status, body = self.ask(gateway, "POST", "/call/EchoUtil.Range", [-1], Accept="text/event-stream")
        self.assertEqual((status, json.loads(body)["error"]["code"]), (400, "INVALID_ARGUMENT"))

    def test_a_stream_waits_for_its_reader_and_ends_with_it(self):
        gateway = self.served()
        client = self.client(gateway.broker)
        head = b"POST /call/EchoUtil.Range HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n\r\n[1000000000]"
        sock = self.stranger(gateway, head)
        self.assertIn(b"200 OK", sock.recv(1000))
        wait_until(lambda: self.items_while_waiting(client) == 0, "nobody reads, and nothing more is sent", within=3 * PATIENCE)
        sock.close()
        wait_until(lambda: in_flight(client) == 0, "the stream is cancelled")

    def items_while_waiting(self, client):
        before = client.result("rpc.stats")["stream_items"]
        time.sleep(0.5)
        return client.result("rpc.stats")["stream_items"] - before

    def test_a_broker_of_two_is_killed_and_no_request_hangs(self):
        brokers = [self.broker(), self.broker()]
        for broker in brokers:
            self.worker(broker)
        gateway = self.gateway(brokers=brokers)
        connection = self.connect(gateway)
        statuses = []
        killer = threading.Timer(1, lambda: brokers[0].signal(signal.SIGKILL))
        killer.start()
        self.addCleanup(killer.join)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            connection.request("POST", "/call/EchoUtil.CountString", '["this is test"]')
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
        self.assertLessEqual(set(statuses), {200, 503})
        self.assertEqual(statuses[-10:], 10 * [200])

    def test_a_client_that_hangs_up_is_served_no_more(self):
        gateway = self.served()
        client = self.client(gateway.broker)
        sock = self.stranger(gateway, b"POST /call/EchoUtil.Sleep HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n[600000]")
        wait_until(lambda: in_flight(client) == 1, "the call is under way")
        sock.close()
        wait_until(lambda: in_flight(client) == 0, "the call is cancelled")

    def test_a_client_whose_body_is_too_large_hears_so(self):
        gateway = self.served("--max-body", "64KiB")
        for _ in range(5):
            self.assertEqual(self.ask(gateway, "POST", "/call/EchoUtil.CountString", ["s" * 4_000_000])[0], 413)

    def test_other_sites_and_other_names_are_refused(self):
        gateway = self.served("--cors", "https://app.example")
        ask = lambda **fields: self.ask(gateway, "POST", "/call/EchoUtil.CountString", ["s"], **fields)[0]
        self.assertEqual(ask(Host="evil.example"), 403)
        self.assertEqual(ask(Origin="https://evil.example"), 403)
        self.assertEqual(ask(Origin="https://app.example"), 200)

    def test_without_the_token_nobody_calls(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "token")
            path.write_text(TOKEN + "\n")
            gateway = self.served("--token-file", path)
        self.assertEqual(self.ask(gateway, "POST", "/call/EchoUtil.CountString", ["s"])[0], 401)
        self.assertEqual(self.ask(gateway, "POST", "/call/EchoUtil.CountString", ["s"], Authorization="Bearer " + TOKEN)[0], 200)
        self.assertEqual(self.ask(gateway, "GET", "/healthz")[0], 200)
        answer = read_to_end(self.stranger(gateway, b"CONNECT /_goRPC_ HTTP/1.0\n\n"))
        self.assertEqual(answer, b"HTTP/1.0 401 Unauthorized\r\n\r\n")
        self.assertEqual(read_to_end(self.stranger(gateway, b'{"method":"EchoUtil.Upper","params":["x"],"id":1}')), b"")

    def test_slow_and_silent_clients_are_cut(self):
        gateway = self.served("--first-byte-timeout", "1s", "--message-timeout", "1s", "--idle-timeout", "1s")
        for first in (b"", b"P", b"POST /rpc HTTP/1.1\r\n", b"POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n[",
                      b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            read_to_end(self.stranger(gateway, first))
        self.assertEqual(self.ask(gateway, "GET", "/healthz")[0], 200)
        self.assert_cut(gateway, slow=4)  # the last one had nothing left to say

    def test_a_client_that_takes_nothing_is_cut(self):
        gateway = self.served("--stall-timeout", "300ms")
        sock = self.stranger(gateway)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = json.dumps(["x" * 4_000_000]).encode()
        head = b"POST /call/EchoUtil.Echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
        for _ in range(3):
            sock.sendall(head + body)
        alone = "rpc_gateway_connections 1"  # whoever asks
        wait_until(lambda: alone in self.ask(gateway, "GET", "/metrics", Connection="close")[1].splitlines(),
                   "the client is cut")
        self.assert_cut(gateway, stalled=1)

    def test_unfinished_requests_do_not_fill_memory(self):
        gateway = self.served("--max-held", "32MiB")
        head = b"POST /call/EchoUtil.Echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16000000\r\n\r\n"
        for _ in range(8):
            sock = self.stranger(gateway, head)
            with contextlib.suppress(ConnectionError):  # it may be cut while it sends
                sock.sendall(b" " * 8_000_000)
        self.assertEqual(self.ask(gateway, "POST", "/call/EchoUtil.CountString", ["this is test"]), (200, "3\n"))
        wait_until(lambda: self.figure(gateway, 'rpc_gateway_connections_cut_total{reason="memory"}') > 0, "those over it are cut")
        wait_until(lambda: self.figure(gateway, "rpc_gateway_held_bytes") <= 32 << 20, "the rest may be held")

    def figure(self, gateway, name):
        lines = self.ask(gateway, "GET", "/metrics", Connection="close")[1].splitlines()
        return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + " "))

    def assert_cut(self, gateway, **expected):
        cut = {reason: self.figure(gateway, f'rpc_gateway_connections_cut_total{{reason="{reason}"}}')
               for reason in ("slow", "stalled", "unsent", "memory")}
        self.assertEqual(cut, {**dict.fromkeys(cut, 0), **expected})

    def test_no_more_connections_than_allowed(self):
        gateway = self.served("--max-connections", "2")
        kept = [self.stranger(gateway, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") for _ in range(2)]
        for sock in kept:
            self.assertTrue(sock.recv(1000))
        self.assertEqual(read_to_end(self.stranger(gateway)), b"")
        kept[0].close()
        wait_until(lambda: self.is_served(gateway), "there is room again")

    def test_connections_leave_descriptors_to_connect_to_the_broker_again(self):
        broker = self.broker()
        self.worker(broker)
        gateway = self.gateway(brokers=[broker], limits={resource.RLIMIT_NOFILE: 220})
        self.assertIn("max_connections=120", gateway.log)
        kept = self.connect(gateway)
        kept.request("GET", "/healthz")
        kept.getresponse().read()
        many = [self.stranger(gateway, b"GET / HTTP/1.1\r\n") for _ in range(300)]
        self.assertEqual(read_to_end(many[-1]), b"")
        kept.request("GET", "/metrics")
        self.assertIn("\nrpc_gateway_connections 120\n", kept.getresponse().read().decode())
        broker.kill()
        self.worker(self.broker(frontend=broker.frontend, backend=broker.backend))
        kept.request("POST", "/call/EchoUtil.CountString", '["this is test"]')
        self.assertEqual(kept.getresponse().read(), b"3\n")

    def is_served(self, gateway):
        try:
            return self.ask(gateway, "GET", "/healthz")[0] == 200
        except (http.client.HTTPException, ConnectionError):
            return False

    def test_calls_under_way_end_before_it_does(self):
        gateway = self.served()
        client = self.client(gateway.broker)
        statuses = []
        asker = threading.Thread(target=lambda: statuses.append(self.ask(gateway, "POST", "/call/EchoUtil.Sleep", [700])))
        asker.start()
        wait_until(lambda: in_flight(client) == 1, "the call is under way")
        self.assertEqual(gateway.terminate(), 0)
        asker.join()
        self.assertEqual(statuses, [(200, "700\n")])

    def test_answers_are_taken_before_it_ends(self):
        gateway = self.served()
        sock = self.stranger(gateway, b"")
        body = json.dumps(["x" * 12_000_000]).encode()
        sock.sendall(b"POST /call/EchoUtil.Echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        sock.recv(1, socket.MSG_PEEK)  # it is there, and more of it than the system takes
        gateway.signal(signal.SIGTERM)
        time.sleep(0.5)
        self.assertEqual(len(read_to_end(sock).partition(b"\r\n\r\n")[2]), 12_000_003)
        self.assertEqual(gateway.wait(), 0)

    def test_mistakes_are_told(self):
        for flags, word in ((["--listen", "0.0.0.0:0"], "--insecure"), (["--listen", "127.0.0.1:99999"], "--listen"),
                            (["--listen", "9999"], "--listen"), (["--token-file", "/none"], "--token-file"),
                            (["--listen", "localhost.invalid:1"], "--listen")):
            run = subprocess.run([BIN / "rpc-gateway", *flags], capture_output=True, env=clean_environment(), timeout=PATIENCE)
            self.assertEqual(run.returncode, 2, flags)
            self.assertIn(word, run.stderr.decode())
            self.assertEqual(run.stderr.count(b"\n"), 1)
        gateway = self.gateway()
        taken = "%s:%d" % gateway.address
        run = subprocess.run([BIN / "rpc-gateway", "--listen", taken], capture_output=True, env=clean_environment(), timeout=PATIENCE)
        self.assertEqual(run.returncode, 1)
        self.assertIn(taken, run.stderr.decode())


if __name__ == "__main__":
    main()
