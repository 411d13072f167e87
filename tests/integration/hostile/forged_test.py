"""Lies: who somebody is, whose call it answers, what it may do. None of ten thousand is believed."""

import subprocess
import time

import msgpack
import zmq

import zmtp
from hostile import HostileTest
from rpckit import main, wait_until

MANY = 10_000

FIRST_ROUTING_ID = """
import zmq
context = zmq.Context()
router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
dealer.connect("tcp://127.0.0.1:%d" % router.bind_to_random_port("tcp://127.0.0.1"))
dealer.send(b"")
print(router.recv().hex())
"""


class RoutingIds(HostileTest):
    def test_those_that_libzmq_would_give_next(self):
        """Without a random start, the next anonymous connection would end the broker."""
        first = subprocess.run(["/usr/bin/python3", "-c", FIRST_ROUTING_ID], capture_output=True, check=True).stdout
        number = int(first.strip()[2:], 16)
        broker = self.serving()
        for endpoint in (broker.frontend, broker.backend):
            claims = [b"\0" + ((number + i) % 2**32).to_bytes(4, "big") for i in range(200)]
            liars = [zmtp.Raw(endpoint, Identity=claim) for claim in claims]
            for _ in range(200):
                raw = zmtp.Raw(endpoint)
                raw.send(b"\xc0")
                raw.close()
            for liar in liars:
                liar.close()
        self.assert_alive(broker)
        self.tell("400 claims of the ids that a fresh process gives: none was met")

    def test_that_of_somebody_else(self):
        broker = self.serving()
        owner = self.peer(broker.frontend, identity=b"owner")
        owner.result("rpc.ping")
        msgid = owner.request("EchoUtil.Sleep", 1500)
        thieves = [zmtp.Raw(broker.frontend, Identity=b"owner") for _ in range(100)]
        for thief in thieves:
            thief.send(msgpack.packb((0, 1, "rpc.ping", ())))
        self.assertEqual(owner.response(msgid), (None, 1500))
        got = 0
        for thief in thieves:
            thief.socket.settimeout(0.001)
            try:
                got += len(thief.socket.recv(1000)) > 0
            except OSError:
                pass
            thief.close()
        self.tell(f"100 claims: {got} were sent anything")
        self.assertEqual(got, 0)


class Answers(HostileTest):
    def setUp(self):
        super().setUp()
        self.at = self.broker()
        self.honest, self.client_peer = self.peer(self.at.backend), self.client(self.at)
        self.assertIsNone(self.honest.register({"Mine": ["Work"]}, capacity=4)[0])

    def test_for_calls_of_other_workers(self):
        liar = self.peer(self.at.backend)
        self.assertIsNone(liar.register({"Theirs": ["Work"]})[0])
        msgid = self.client_peer.request("Mine.Work")
        wire = self.honest.take()[0]
        for i in range(MANY):
            liar.reply((wire + i - MANY // 2) % 2**32 if i % 2 else wire, "forged")
        for _ in range(100):
            liar.send(3, wire, "forged item")
            liar.notify("rpc.return", [wire])
        liar.result("rpc.register", {"protocol": 1, "capacity": 1, "services": []})  # it has read all that came before
        self.honest.reply(wire, "honest")
        self.assertEqual(self.client_peer.response(msgid), (None, "honest"))
        stats = self.client_peer.result("rpc.stats")
        self.tell(f"{MANY:,} answers for another worker's call: 0 passed on, {stats['late_responses']:,} dropped and counted")
        self.assertGreaterEqual(stats["late_responses"], MANY)

    def test_under_msgids_that_nobody_gave(self):
        msgid = self.client_peer.request("Mine.Work")
        wire = self.honest.take()[0]
        for i in range(1, MANY + 1):
            self.honest.reply((wire + i) % 2**32, "forged")
        self.honest.reply(wire, "honest")
        self.honest.reply(wire, "again")
        self.assertEqual(self.client_peer.response(msgid), (None, "honest"))
        self.assertEqual(self.client_peer.result("rpc.ping"), "pong")
        self.assertIsNone(self.client_peer.receive(within=0.1))
        self.tell(f"{MANY:,} answers under other msgids: 0 passed on")

    def test_from_clients(self):
        msgid = self.client_peer.request("Mine.Work")
        wire = self.honest.take()[0]
        liar = self.client(self.at)
        for _ in range(MANY):
            liar.reply(wire, "forged")
        liar.result("rpc.stats")
        self.honest.reply(wire, "honest")
        self.assertEqual(self.client_peer.response(msgid), (None, "honest"))
        for _ in range(200):
            liar.notify("rpc.cancel", msgid)
        self.tell(f"{MANY:,} answers by a client: 0 passed on")


class Rights(HostileTest):
    def setUp(self):
        super().setUp()
        self.at = self.keyed_broker()
        self.keyed_worker(self.at)

    def refusals(self, peer, ask, codes, many=MANY):
        """How many of many requests were refused, with one of these codes: all."""
        for begin in range(0, many, 500):
            asked = [ask(peer) for _ in range(begin, begin + 500)]
            for msgid in asked:
                error, result = peer.response(msgid)
                self.assertIsNone(result)
                self.assertIn(error["code"], codes)
        return many

    def test_calls_without_the_right(self):
        alice = self.peer_as("alice", self.at.frontend)
        count = self.refusals(alice, lambda peer: peer.request("EchoUtil.Upper", "a", options={"caller": "ops"}),
                              ("PERMISSION_DENIED",))
        self.tell(f"0 of {count:,} calls let in")
        ops = self.peer_as("ops", self.at.frontend)
        self.assertNotIn("EchoUtil.Upper", ops.result("rpc.stats")["latency_us"])

    def test_registering_without_the_right(self):
        worker = self.peer_as("worker", self.at.backend)
        asked = {"protocol": 1, "capacity": 1, "services": [{"name": "Billing", "methods": [{"name": "Total"}]}]}
        count = self.refusals(worker, lambda peer: peer.request("rpc.register", asked), ("PERMISSION_DENIED",))
        self.tell(f"0 of {count:,} registrations let in")
        services = [service["name"] for service in self.peer_as("alice", self.at.frontend).result("rpc.services")]
        self.assertEqual(services, ["EchoUtil"])

    def test_the_service_rpc_from_workers(self):
        worker = self.peer_as("worker", self.at.backend)
        methods = "rpc.calls", "rpc.drain", "rpc.stats", "rpc.workers", "EchoUtil.Echo"
        codes = "INVALID_ARGUMENT", "PERMISSION_DENIED", "FAILED_PRECONDITION", "UNIMPLEMENTED"
        count = sum(self.refusals(worker, lambda peer, method=method: peer.request(method), codes, MANY // len(methods))
                    for method in methods)
        self.tell(f"0 of {count:,} answered")

    def test_a_user_id_of_ones_own(self):
        """Of a peer without keys, and in the metadata of one that has a key."""
        for endpoint in (self.at.frontend, self.at.backend):
            liar = zmtp.connect(endpoint)
            self.addCleanup(liar.close)
            liar.sendall(zmtp.GREETING + zmtp.ready(Socket_Type=b"DEALER", User_Id=b"1"))
            self.assertTrue(zmtp.is_closed(liar, within=5))
        alice = zmq.Context.instance().socket(zmq.DEALER)
        alice.linger = 0
        self.addCleanup(alice.close)
        alice.curve_serverkey = self.public("broker").encode()
        alice.curve_publickey, alice.curve_secretkey = self.public("alice").encode(), self.secret("alice").encode()
        alice.setsockopt(zmq.METADATA, b"X-User-Id:2")
        try:
            alice.setsockopt(zmq.METADATA, b"User-Id:2")
        except zmq.ZMQError:
            pass  # this libzmq sends none of that name
        alice.connect(self.at.frontend)
        alice.send(msgpack.packb((0, 1, "rpc.calls", ())))
        self.assertTrue(alice.poll(5000))
        self.assertEqual(msgpack.unpackb(alice.recv())[2]["code"], "PERMISSION_DENIED")
        ops = self.peer_as("ops", self.at.frontend)
        self.assertEqual(ops.result("rpc.stats")["unauthenticated_messages"], 0)

    def test_strangers_beside_one_who_is_let_in(self):
        alice = self.peer_as("alice", self.at.frontend)
        alice.result("rpc.ping")
        begin, slowest = time.monotonic(), 0.0
        strangers = [self.peer_as("stranger", self.at.frontend) for _ in range(100)]
        for stranger in strangers:
            stranger.request("EchoUtil.CountString", "s")
        while time.monotonic() < begin + 2:
            asked = time.monotonic()
            self.assertEqual(alice.result("EchoUtil.CountString", "this is test"), 3)
            slowest = max(slowest, time.monotonic() - asked)
        stats = self.peer_as("ops", self.at.frontend).result("rpc.stats")
        self.tell(f"{stats['peers_refused']:,} attempts of 100 strangers; a call of alice's took {1000 * slowest:.0f} ms at most")
        self.assert_within(slowest, 1.0)
        self.assertTrue(all(stranger.receive(within=0) is None for stranger in strangers))
        wait_until(lambda: "refused a peer" in self.at.log, "it is said")
        self.assertLess(self.at.log.count("\n"), 200)


if __name__ == "__main__":
    main()
