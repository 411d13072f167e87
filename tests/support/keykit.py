"""What the tests of brokers with keys share: a directory of keys, and programs and sockets that have one."""

import pathlib
import subprocess
import tempfile

import zmq

from rpckit import BIN, Peer, RpcTest, clean_environment


class KeysTest(RpcTest):
    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.authorized = self.directory / "authorized"
        for name in "broker", "alice", "ops", "worker", "stranger":
            subprocess.run([BIN / "rpc-keygen", self.directory / name], check=True, capture_output=True,
                           env=clean_environment())

    def public(self, name):
        return (self.directory / f"{name}.pub").read_text().splitlines()[-1].split()[1]

    def secret(self, name):
        return (self.directory / f"{name}.key").read_text().splitlines()[-1].split()[1]

    def allow(self, *lines):
        """Writes the authorized file: (name, role, patterns…) each. Replaced as a whole, as an operator should."""
        text = "".join(f"{name} {role} {self.public(name)} {' '.join(patterns)}\n" for name, role, *patterns in lines)
        new = self.directory / "authorized.new"
        new.write_text(text)
        new.rename(self.authorized)

    USUAL = (("alice", "client", "EchoUtil.CountString", "EchoUtil.Sleep"), ("ops", "admin"),
             ("worker", "worker", "EchoUtil.*"))

    def keyed_broker(self, *lines, flags=()):
        self.allow(*(lines or self.USUAL))
        return self.broker("--key", self.directory / "broker.key", "--authorized", self.authorized, *flags)

    def own(self, name, flag="--key-file"):
        return flag, self.directory / f"{name}.key", "--broker-key", self.directory / "broker.pub"

    def keyed_worker(self, broker):
        return self.worker(broker, *self.own("worker", "--key"))

    def call_as(self, name, broker, *arguments):
        return self.call(broker, *self.own(name), *arguments)

    def peer_as(self, name, endpoint):
        """A socket of pyzmq's own that has the key."""
        peer = Peer.__new__(Peer)
        peer.socket = zmq.Context.instance().socket(zmq.DEALER)
        peer.socket.linger = 0
        peer.socket.curve_serverkey = self.public("broker").encode()
        peer.socket.curve_publickey = self.public(name).encode()
        peer.socket.curve_secretkey = self.secret(name).encode()
        peer.socket.connect(endpoint)
        peer._next_msgid = 1
        peer._received = []
        self.addCleanup(peer.close)
        return peer
