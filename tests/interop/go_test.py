"""Go's net/rpc and net/rpc/jsonrpc, unchanged, through the gateway. The program in go/ was built as $RPC_GO_PROGRAM."""

import os
import signal
import socket
import subprocess
import threading
import time

from rpckit import PATIENCE, Peer, RpcTest, clean_environment, in_flight, main, wait_until
from tlskit import Certificates

EVERYTHING = {
    "Yes": True, "Small": -8, "Large": -2**62, "Natural": 2**64 - 1, "Real": 2.5, "Text": "text", "Raw": b"\x00\xff",
    "Three": [1, 0, 3], "Strings": ["a", ""], "Counts": {"one": 1}, "Numbered": {7: "seven"},
    "In": {"Label": "in", "Sizes": [1, -2]}, "Pointer": {"Label": "pointed", "Sizes": []}, "Nothing": None,
    "Many": [{"Label": "m", "Sizes": []}, {"Label": "", "Sizes": []}], "Any": "something",
}
ZEROS = {
    "Yes": False, "Small": 0, "Large": 0, "Natural": 0, "Real": 0.0, "Text": "", "Raw": b"", "Three": [0, 0, 0],
    "Strings": [], "Counts": {}, "Numbered": {}, "In": {"Label": "", "Sizes": []}, "Pointer": None, "Nothing": None,
    "Many": [], "Any": None,
}

# Method: (its declared result, what it returns).
RESULTS = {
    "Struct": ("map", {"Quo": 3, "Rem": 1}),
    "DeclaredStruct": ("{Quo: int, Rem: int}", {"Rem": None, "Quo": 3, "More": "x"}),
    "LowerCase": ("Point", {"quo": 5, "rem": 6}),
    "Natural": ("uint", 2**64 - 1),
    "Real": ("float", 3),
    "Raw": ("bytes", b"\x00\x01\xff"),
    "Yes": ("", True),
    "Counts": ("map<str, int>", {"a": 1, "b": -2}),
    "Empty": ("list<str>", []),
    "Nested": ("", {"Items": [{"Label": "x", "Sizes": [1, 2]}, {"Label": "y", "Sizes": []}],
                    "Index": {"k": [1, 2.5]}, "Extra": None}),
    "Nothing": ("nil", None),
    "Mixed": ("", [1, "a"]),
}


def compared(value, wanted):
    when = value.pop("When")
    right = when is None if wanted is ZEROS else isinstance(when, bytes)  # time.Time writes itself
    return "as expected" if value == wanted and right else repr((value, when))


def answer(method, params):
    if method == "Values.Everything":
        return compared(params[0], EVERYTHING)
    if method == "Values.Zeros":
        return compared(params[0], ZEROS)
    return RESULTS[method.removeprefix("Values.")][1]


class ValuesWorker:
    """The service "Values", in a thread."""

    def __init__(self, backend):
        self._over = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(backend,))
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    def _serve(self, backend):
        peer = Peer(backend)
        declared = {name: result for name, (result, _) in RESULTS.items()}
        methods = [{"name": name, "params": ["value: any"], **({"result": result} if result else {})}
                   for name, result in {**declared, "Everything": "str", "Zeros": "str"}.items()]
        error, _ = peer.register({"Values": methods}, capacity=16)
        assert error is None, error
        self._ready.set()
        while not self._over.is_set():
            message = peer.receive(within=0.05)
            if message and message[0] == 0:
                peer.reply(message[1], answer(message[2], message[3]))
        peer.close()

    def end(self):
        self._over.set()
        self._thread.join()


class Go(RpcTest):
    def setUp(self):
        super().setUp()
        self.rpc_broker = self.broker()

    def gateway(self, *flags, brokers=None):
        brokers = brokers or [self.rpc_broker]
        endpoints = [argument for broker in brokers for argument in ("--broker", broker.frontend)]
        gateway = self.program("rpc-gateway", "--listen", "127.0.0.1:0", *endpoints, *flags)
        fields = gateway.ready()
        gateway.address = fields.get("http") or fields["https"]
        return gateway

    def start(self, case, gateway, **environment):
        go = subprocess.Popen([os.environ["RPC_GO_PROGRAM"], case, gateway.address], env=clean_environment(**environment),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(go.kill)
        return go

    def finish(self, go):
        out, err = go.communicate(timeout=5 * PATIENCE)
        self.assertEqual(go.returncode, 0, err)
        return out

    def run_case(self, case, gateway, **environment):
        self.assertEqual(self.finish(self.start(case, gateway, **environment)), "ok\n")

    def with_worker(self, case):
        self.worker(self.rpc_broker)
        self.run_case(case, self.gateway())

    def test_calls_as_written_for_gos_own_server_get_their_results(self):
        self.with_worker("plain")

    def test_a_thousand_calls_in_flight_on_a_connection(self):
        self.with_worker("in-flight")

    def test_a_slow_call_holds_up_none_after_it(self):
        self.with_worker("out-of-order")

    def test_errors_are_worded_as_by_gos_server(self):
        self.with_worker("failures")

    def test_a_struct_is_spread_over_named_parameters(self):
        self.with_worker("spread")

    def test_values_of_all_types_go_both_ways(self):
        values = ValuesWorker(self.rpc_broker.backend)
        self.addCleanup(values.end)
        self.worker(self.rpc_broker)
        gateway = self.gateway()
        self.run_case("values", gateway)
        self.run_case("json-values", gateway)

    def test_calls_of_a_client_that_hangs_up_are_cancelled(self):
        self.worker(self.rpc_broker, "--threads", "8")
        client = self.client(self.rpc_broker)
        gateway = self.gateway()
        go = self.start("hang-up", gateway)
        wait_until(lambda: in_flight(client) == 8, "all calls are under way")
        self.assertEqual(self.finish(go), "ok\n")
        wait_until(lambda: in_flight(client) == 0, "all calls are cancelled")
        self.run_case("plain", gateway)

    def test_a_broker_of_two_is_killed_and_no_call_hangs(self):
        other = self.broker()
        for broker in (self.rpc_broker, other):
            self.worker(broker)
        go = self.start("lost-broker", self.gateway(brokers=[self.rpc_broker, other]))
        time.sleep(1.5)
        other.signal(signal.SIGKILL)
        words = self.finish(go).split()
        called, failed = int(words[1]), int(words[3])
        self.assertGreater(called, 100)
        self.assertLess(failed, called / 2)

    def test_by_tls(self):
        self.worker(self.rpc_broker)
        certificates = Certificates(self)
        certificates.make("server", by="root")
        gateway = self.gateway(*certificates.flags("server"))
        for case in "tls", "tls-flight", "https", "without-tls":
            self.run_case(case, gateway, RPC_GO_CA=str(certificates.certificate("root")))

    def test_a_client_that_says_nothing_or_too_slowly_is_cut(self):

        gateway = self.gateway("--first-byte-timeout", "200ms", "--message-timeout", "200ms")
        host, port = gateway.address.split(":")
        for first in (b"", b"CONNECT /_go", b"CONNECT /_goRPC_ HTTP/1.0\n\n\x40\xff", b'{"method":'):
            with socket.create_connection((host, int(port)), PATIENCE) as stranger:
                stranger.sendall(first)
                while stranger.recv(1000):
                    pass

    def test_what_makes_no_sense_ends_its_connection_alone(self):

        self.worker(self.rpc_broker)
        gateway = self.gateway("--max-header", "1KiB", "--max-body", "64KiB")
        host, port = gateway.address.split(":")
        connect = b"CONNECT /_goRPC_ HTTP/1.0\n\n"
        for nonsense in (connect + b"\xf0", connect + b"\xfc\xff\xff\xff\xff", b"CONNECT /other HTTP/1.0\n\n",
                         b"CONNECT " + 5000 * b"x", b"\x16\x03\x01\x02", b"\x00\x01", b'{"method": 1]', b'{"a":' + 70000 * b"1"):
            with socket.create_connection((host, int(port)), PATIENCE) as stranger:
                stranger.sendall(nonsense)
                try:
                    while stranger.recv(1000):
                        pass
                except ConnectionResetError:
                    pass
        self.run_case("plain", gateway)

    def test_only_what_is_allowed_is_passed_on(self):
        self.worker(self.rpc_broker)
        gateway = self.gateway("--allow", "Other.*", "--allow", "EchoUtil.U*")
        go = self.start("plain", gateway)
        _, err = go.communicate(timeout=PATIENCE)
        self.assertIn("PERMISSION_DENIED", err)


if __name__ == "__main__":
    main()
