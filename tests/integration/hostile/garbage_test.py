"""Sessions that are no ZMTP 3, or a wrong one, on both ports: no crash, nothing is kept of them, others are served."""

import os
import random
import struct

import zmtp
from hostile import FULL, MIB, HostileTest, Most, Polite, descriptors, noise
from rpckit import main

SESSIONS = 100_000 if FULL else 4_000
AT_ONCE = 64
READY = zmtp.ready(Socket_Type=b"DEALER")

KINDS = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: broker\r\nConnection: close\r\n\r\n",
    "HTTP POST": b"POST /rpc HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + bytes(5000),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + noise(512, 1),
    "ZMTP 1.0": b"\x01\x00" + b"\x05\x00body",
    "ZMTP 1.0 with an identity": b"\x06\x00ident" + b"\x02\x01x" + b"\x02\x00y",
    "ZMTP 2.0": b"\xff" + bytes(8) + b"\x7f\x01\x05\x00\x00" + b"\x00\x04body",
    "ZMTP 2.0, frames without end": b"\xff" + bytes(8) + b"\x7f\x01\x05\x00\x00" + b"\x01\x01x" * 200,
    "a greeting only": zmtp.GREETING,
    "half a greeting": zmtp.GREETING[:20],
    "an unknown mechanism": zmtp.GREETING.replace(b"NULL", b"NONE"),
    "another mechanism": zmtp.GREETING.replace(b"NULL\0", b"PLAIN"),
    "CURVE where there are no keys": zmtp.GREETING.replace(b"NULL\0", b"CURVE") + noise(202, 2),
    "no socket type": zmtp.GREETING + zmtp.ready(),
    "another socket type": zmtp.GREETING + zmtp.ready(Socket_Type=b"PUB"),
    "a long socket type": zmtp.GREETING + zmtp.ready(Socket_Type=b"D" * 5000),
    "a property without an end": zmtp.GREETING + zmtp.frame(b"\x05READY\x0bSocket-Type\xff\xff\xff\xff", command=True),
    "an identity that is too long": zmtp.GREETING + zmtp.ready(Socket_Type=b"DEALER", Identity=b"i" * 300),
    "an error": zmtp.GREETING + zmtp.frame(b"\x05ERROR\xffx", command=True),
    "an unknown command": zmtp.GREETING + READY + zmtp.frame(b"\x04WHAT", command=True),
    "PING and SUBSCRIBE": zmtp.GREETING + READY + zmtp.frame(b"\x04PING\x00\x01" + bytes(30), command=True) +
                          zmtp.frame(b"\x09SUBSCRIBEx", command=True),
    "a body before the handshake": zmtp.GREETING + zmtp.frame(b"body"),
    "reserved flags": zmtp.GREETING + READY + b"\xf8\x04body",
    "a body that is none": zmtp.GREETING + READY + zmtp.frame(noise(100, 3)),
    "empty frames": zmtp.GREETING + READY + zmtp.frame(b"") * 3,
    "a frame that is cut off": zmtp.GREETING + READY + struct.pack(">BQ", 2, 100_000) + bytes(10),
    "nothing": b"",
}


class Garbage(HostileTest):
    def sessions(self):
        """Bytes of a session each, in an order that is the same in each run."""
        chance = random.Random(7)
        kinds = list(KINDS.values())
        for i in range(SESSIONS):
            if i % 2:
                yield kinds[i // 2 % len(kinds)]
            elif i % 4:
                yield chance.randbytes(chance.randrange(1, 300))
            else:  # one bit of a good session is another
                good = bytearray(zmtp.GREETING + READY + zmtp.frame(b"\x94\x00\x01\xa8rpc.ping\x90"))
                at = chance.randrange(len(good))
                good[at] ^= 1 << chance.randrange(8)
                yield bytes(good)

    def test_malformed_sessions_on_both_ports(self):
        broker = self.serving("--max-accept-rate", "0")
        with Polite(broker.frontend) as polite:
            before = descriptors(broker.pid)
            with Most(broker.pid) as memory:
                open_ones = []
                for i, content in enumerate(self.sessions()):
                    one = zmtp.connect((broker.frontend, broker.backend)[i % 2])
                    open_ones.append(one)
                    try:
                        one.sendall(content)
                    except OSError:
                        pass  # it has heard enough
                    if len(open_ones) == AT_ONCE:
                        for gone in open_ones:
                            gone.close()
                        open_ones.clear()
                for gone in open_ones:
                    gone.close()
                after = self.settled(broker, before)
        self.tell(f"{SESSIONS:,} sessions: {after - before:+d} descriptors, it grew by {memory.grown / MIB:.1f} MiB; {polite}")
        self.assertLessEqual(after, before)
        self.assert_memory(memory.grown, 64 * MIB)
        self.assert_served(polite)
        self.assert_alive(broker)
        self.assertEqual(self.client(broker).result("rpc.stats")["workers"], 1)

    def test_each_kind_with_and_without_keys(self):
        plain, keyed = self.serving(), self.keyed_broker()
        self.keyed_worker(keyed)
        for name, content in KINDS.items():
            with self.subTest(name):
                for endpoint in (plain.frontend, plain.backend, keyed.frontend, keyed.backend):
                    one = zmtp.connect(endpoint)
                    self.addCleanup(one.close)
                    try:
                        one.sendall(content)
                    except OSError:
                        pass
        self.assert_alive(plain)
        called = self.call_as("alice", keyed, "EchoUtil.CountString", "this is test")
        self.assertEqual(called.stdout, "3", called)
        self.assertEqual(os.waitpid(keyed.pid, os.WNOHANG), (0, 0))


if __name__ == "__main__":
    main()
