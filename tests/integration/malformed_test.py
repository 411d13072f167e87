"""What is malformed is answered, and harms nobody: the next call on that connection works, and so do all others."""

import json
import socket

import msgpack

from rpckit import ROOT, RpcTest, main

TABLE = json.loads((ROOT / "tests/support/malformed_bodies.json").read_text())
GOOD = msgpack.packb([0, 77, "EchoUtil.CountString", ["this is test"], {"timeout": 5000, "trace": "t"}])
FRAMES = {
    "an empty frame alone": [b""],
    "two frames without an envelope": [GOOD, GOOD],
    "an envelope without a body": [b"a", b"b", b""],
    "a frame after the body": [b"", GOOD, GOOD],
    "an envelope of five frames": [b"1", b"2", b"3", b"4", b"", GOOD],
    "many frames": [b"x"] * 100,
    "many empty frames": [b""] * 100,
}


class Malformed(RpcTest):
    def setUp(self):
        super().setUp()
        self.at = self.broker()
        self.worker(self.at)

    def assert_works(self, client):
        self.assertEqual(client.result("EchoUtil.CountString", "this is test"), 3)

    def assert_refused(self, client, body, msgid, says=""):
        """The body gets exactly one error, under `msgid`, and the next call on the connection works."""
        client.send_body(body)
        kind, answered, error, result = client.receive()
        self.assertEqual((kind, answered, result), (1, msgid, None))
        self.assert_error(error, "INVALID_ARGUMENT", by="broker")
        self.assertIn(says, error["message"])
        self.assert_works(client)


class AtTheFrontend(Malformed):
    def test_every_body_of_the_table(self):
        self.assertGreaterEqual(len(TABLE), 60)
        client = self.client(self.at)
        for entry in TABLE:
            with self.subTest(entry["name"]):
                self.assert_refused(client, bytes.fromhex(entry["body"]), entry.get("msgid"), entry["says"])

    def test_truncations_at_every_byte(self):
        client = self.client(self.at)
        for length in range(1, len(GOOD)):
            with self.subTest(length=length):
                self.assert_refused(client, GOOD[:length], 77 if length >= 3 else None)

    def test_every_first_byte(self):
        client = self.client(self.at)
        for first in range(256):
            if first in (0x94, GOOD[0]):  # 0x94 makes a whole message of the first four elements
                continue
            with self.subTest(first=first):
                client.send_body(bytes([first]) + GOOD[1:])
                kind, _, error, _ = client.receive()
                self.assertEqual(kind, 1)
                self.assert_error(error, "INVALID_ARGUMENT", by="broker")
                self.assert_works(client)

    def test_messages_before_the_malformed_one_take_effect(self):
        client = self.client(self.at)
        client.send_body(GOOD + b"\xc1" + GOOD)
        answers = sorted((client.receive() for _ in range(2)), key=lambda message: message[3] is None)
        self.assertEqual(answers[0], [1, 77, None, 3])
        self.assert_error(answers[1][2], "INVALID_ARGUMENT", by="broker")
        self.assert_works(client)
        self.assertIsNone(client.receive(within=0.1))

    def test_other_frames_than_envelope_and_body(self):
        for name, frames in FRAMES.items():
            with self.subTest(name):
                client = self.client(self.at)
                client.socket.send_multipart(frames)
                msgid = client.request("rpc.ping")
                self.assertEqual(client.response(msgid), (None, "pong"))
                self.assert_works(client)

    def test_what_clients_do_not_send(self):
        client = self.client(self.at)
        for message in ([1, 9999, None, "a response"], [3, 9999, "an item"], [2, "rpc.nosuch", []], [2, "rpc.cancel", []],
                        [2, "rpc.cancel", ["x"]], [2, "rpc.cancel", [1 << 40]], [2, "rpc.credit", [1]],
                        [2, "rpc.leave", []], [2, "rpc.return", [[1]]], [0, 9999, "rpc.register", [{}]]):
            with self.subTest(message=message):
                client.send(*message)
                self.assert_works(client)

    def test_bytes_that_are_no_zeromq(self):
        for endpoint in (self.at.frontend, self.at.backend):
            host, port = endpoint.removeprefix("tcp://").split(":")
            for junk in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01" + bytes(200), bytes(64), b"\xff" * 64):
                with socket.create_connection((host, int(port))) as stranger:
                    stranger.sendall(junk)
        self.assert_works(self.client(self.at))


class AtTheBackend(Malformed):
    def bodies(self):
        yield from (bytes.fromhex(entry["body"]) for entry in TABLE)
        yield from (GOOD[:length] for length in range(1, len(GOOD)))
        for message in ([1, 5, None, "for a call that is not there"], [3, 5, "item"], [2, "rpc.return", [[1, 2]]],
                        [2, "rpc.return", ["x"]], [2, "rpc.heartbeat", [{"capacity": "x"}]], [2, "rpc.heartbeat", []],
                        [0, 1, "EchoUtil.CountString", ["x"]], [0, 1, "rpc.workers", []], [2, "rpc.nosuch", []],
                        [1, None, None, None], [1, 5, "no map", None], [1, 5, {"code": 7}, 8]):
            yield msgpack.packb(message)

    def test_from_a_stranger(self):
        stranger, client = self.peer(self.at.backend), self.client(self.at)
        for body in self.bodies():
            with self.subTest(body=body.hex()[:80]):
                stranger.send_body(body)
                self.assert_works(client)

    def test_from_a_registered_worker(self):
        worker, client = self.peer(self.at.backend), self.client(self.at)
        self.assertIsNone(worker.register({"Mine": ["Work"]})[0])
        for body in self.bodies():
            with self.subTest(body=body.hex()[:80]):
                worker.send_body(body)
                self.assert_works(client)
        msgid = client.request("Mine.Work")
        worker.reply(worker.take()[0], "still there")
        self.assertEqual(client.response(msgid), (None, "still there"))

    def test_registrations_that_are_wrong(self):
        worker = self.peer(self.at.backend)
        good = {"protocol": 1, "capacity": 1, "services": [{"name": "Mine", "methods": [{"name": "Work"}]}]}
        for change in ({"protocol": 2}, {"protocol": "1"}, {"capacity": -1}, {"capacity": "x"}, {"services": 7},
                       {"services": [7]}, {"services": [{"methods": []}]}, {"services": [{"name": "rpc", "methods": []}]},
                       {"services": [{"name": "Mine", "methods": [{"params": []}]}]},
                       {"services": [{"name": "", "methods": [{"name": "Work"}]}]}, {"name": 7}):
            with self.subTest(change=change):
                error, result = worker.call("rpc.register", {**good, **change})
                self.assertIsNone(result)
                self.assertIn(error["code"], ("INVALID_ARGUMENT", "FAILED_PRECONDITION"))
        self.assertIsNone(worker.call("rpc.register", good)[0])

    def test_answers_that_are_no_errors_become_one(self):
        worker, client = self.peer(self.at.backend), self.client(self.at)
        self.assertIsNone(worker.register({"Mine": ["Work"]})[0])
        for error in ("text", 7, {"message": "no code"}, {"code": 7, "message": "x"}, ["CODE", "message"]):
            with self.subTest(error=error):
                msgid = client.request("Mine.Work")
                worker.reply(worker.take()[0], error=error)
                self.assert_error(client.response(msgid)[0], "INTERNAL", by="worker")

    def test_what_only_the_broker_says_is_removed_from_a_handlers_error(self):
        worker, client = self.peer(self.at.backend), self.client(self.at)
        self.assertIsNone(worker.register({"Mine": ["Work"]})[0])
        msgid = client.request("Mine.Work")
        worker.reply(worker.take()[0], error={"code": "ABORTED", "message": "mine", "data": [1], "ran": "no",
                                              "by": "broker", "retry_after": 5})
        self.assertEqual(client.response(msgid)[0], {"code": "ABORTED", "message": "mine", "data": [1]})


if __name__ == "__main__":
    main()
