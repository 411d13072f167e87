"""rpc-gateway with a certificate: HTTPS, and who does not get through TLS. Go's clients: tests/interop/go_test.py."""

import http.client
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
import warnings

from rpckit import BIN, PATIENCE, RpcTest, clean_environment, main, read_to_end, wait_until
from tlskit import Certificates, run

TOKEN = "a-token-of-sixteen-characters"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def post(path, body, more=b""):
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%s\r\n" % (path, len(body), more)
    return head + body


class Tls(RpcTest):
    def setUp(self):
        super().setUp()
        self.certificates = Certificates(self)
        self.certificates.make("server", by="root")
        self.trusting = ssl.create_default_context(cafile=self.certificates.certificate("root"))

    def gateway(self, *flags, name="server"):
        """One with a certificate, in front of a broker and a worker."""
        broker = self.broker()
        self.worker(broker)
        gateway = self.program("rpc-gateway", "--listen", "127.0.0.1:0", "--broker", broker.frontend,
                               *self.certificates.flags(name), *flags)
        host, port = gateway.ready()["https"].split(":")
        gateway.address = (host, int(port))
        return gateway

    def plain(self, gateway, first=b""):
        sock = socket.create_connection(gateway.address, PATIENCE)
        self.addCleanup(sock.close)
        sock.sendall(first)
        return sock

    def connect(self, gateway, context=None):
        sock = (context or self.trusting).wrap_socket(self.plain(gateway), server_hostname="localhost")
        self.addCleanup(sock.close)
        return sock

    def ask(self, gateway, method, path, body=None, **fields):
        connection = http.client.HTTPSConnection("localhost", gateway.address[1], timeout=PATIENCE, context=self.trusting)
        connection.request(method, path, body and json.dumps(body), fields)
        response = connection.getresponse()
        found = response.status, response.read().decode()
        connection.close()
        return found

    def failures(self, gateway):
        """How many clients did not get through, by reason; those that were counted."""
        text = self.ask(gateway, "GET", "/metrics")[1]
        found = re.findall(r'rpc_gateway_tls_failures_total\{reason="(\w+)"\} (\d+)', text)
        return {reason: int(count) for reason, count in found if count != "0"}

    def assert_serves(self, gateway):
        self.assertEqual(self.ask(gateway, "POST", "/call/EchoUtil.CountString", ["this is test"]), (200, "3\n"))

    def test_https(self):
        gateway = self.gateway()
        self.assert_serves(gateway)
        self.assertIn(self.connect(gateway).version(), ("TLSv1.2", "TLSv1.3"))
        self.assertEqual(self.failures(gateway), {})

    def test_curl(self):
        if not shutil.which("curl"):
            self.skipTest("curl is not there")
        gateway = self.gateway()
        url = f"https://localhost:{gateway.address[1]}/call/EchoUtil.CountString"
        curl = ["curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", self.certificates.certificate("root"),
                "-d", '["this is test"]', url, "--next", "--silent", "--noproxy", "*", "--cacert",
                self.certificates.certificate("root"), "--tls-max", "1.2", "-d", '["this is test"]', url]
        done = subprocess.run(curl, capture_output=True, timeout=PATIENCE, env=clean_environment())
        self.assertEqual((done.returncode, done.stdout), (0, b"3\n3\n"), done.stderr)

    def test_a_chain_leads_to_what_clients_know(self):
        self.certificates.make("middle", "authority", by="root")
        self.certificates.make("leaf", by="middle")
        self.certificates.append("leaf", "middle")
        self.assert_serves(self.gateway(name="leaf"))

    def test_many_requests_on_a_connection_without_waiting(self):
        sock = self.connect(self.gateway())
        request = post(b"/call/EchoUtil.CountString", b'["this is test"]')
        last = post(b"/call/EchoUtil.CountString", b'["this is test"]', b"Connection: close\r\n")
        sock.sendall(999 * request + last)
        self.assertEqual(read_to_end(sock).count(b"\r\n\r\n3\n"), 1000)

    def test_large_bodies_both_ways_to_a_slow_reader(self):
        sock = self.connect(self.gateway())
        text = json.dumps(["".join(chr(33 + i % 90) for i in range(5_000_000)).replace('"', "q").replace("\\", "p")]).encode()
        sock.sendall(post(b"/call/EchoUtil.Echo", text, b"Connection: close\r\n"))
        time.sleep(0.3)
        head, _, body = read_to_end(sock).partition(b"\r\n\r\n")
        self.assertIn(b"200 OK", head)
        self.assertEqual(json.loads(body), json.loads(text)[0])

    def test_a_stream_of_items(self):
        gateway = self.gateway()
        status, body = self.ask(gateway, "POST", "/call/EchoUtil.Range", [10000])
        self.assertEqual([json.loads(line) for line in body.splitlines()],
                         [{"item": i} for i in range(10000)] + [{"result": 10000}])

    def test_it_comes_a_byte_at_a_time(self):
        raw = self.plain(self.gateway())
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        came, to_go = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.trusting.wrap_bio(came, to_go, server_hostname="localhost")

        def until_done(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    for byte in to_go.read():
                        raw.sendall(bytes([byte]))
                    came.write(raw.recv(65536))

        until_done(client.do_handshake)
        client.write(HEALTH)
        self.assertIn(b"200 OK", until_done(lambda: client.read(1000)))

    def test_who_speaks_no_tls_is_told_so(self):
        gateway = self.gateway()
        for first in (HEALTH, b"CONNECT /_goRPC_ HTTP/1.0\n\n", b"OPTIONS * HTTP/1.1\r\n\r\n"):
            answer = read_to_end(self.plain(gateway, first))
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 This port speaks TLS\r\n"), answer)
        for first in (b'{"method":"EchoUtil.Upper","params":["x"],"id":1}', b"\x00\x01", b"\xff", b"\x80\x2e\x01\x00\x02"):
            self.assertEqual(read_to_end(self.plain(gateway, first)), b"")
        self.assertEqual(self.failures(gateway), {"plain": 7})
        self.assert_serves(gateway)

    def test_a_broken_handshake_ends_its_connection_alone(self):
        gateway = self.gateway()
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with self.assertRaises(ssl.SSLError):
            self.connect(gateway, old)
        with self.assertRaises(ssl.SSLError):  # it tells the gateway that it does not trust the certificate
            self.connect(gateway, ssl.create_default_context())
        for first in (b"\x16\x03\x01\x00\x05nonse", b"\x16\x03\x01\xff\xff" + 70000 * b"x", b"\x16garbage" * 100):
            read_to_end(self.plain(gateway, first))
        self.plain(gateway, b"\x16\x03\x01\x02\x00\x01").close()  # hangs up in the middle of it
        wait_until(lambda: self.failures(gateway) == {"broken": 6}, "all are counted")
        self.plain(gateway).close()  # said nothing: nothing failed
        self.assert_serves(gateway)
        self.assertEqual(self.failures(gateway), {"broken": 6})

    def test_what_is_no_tls_after_the_handshake(self):
        gateway = self.gateway()
        raw = self.connect(gateway).detach()
        with socket.socket(fileno=raw) as sock:
            sock.settimeout(PATIENCE)
            sock.sendall(b"\x17\x03\x03\x00\x20" + 32 * b"x")
            read_to_end(sock)
        self.assertEqual(self.failures(gateway), {"broken": 1})

    def test_slow_handshakes_are_cut(self):
        gateway = self.gateway("--first-byte-timeout", "1500ms")
        for first in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"):
            read_to_end(self.plain(gateway, first))
        self.assertEqual(self.failures(gateway), {"slow": 3})
        self.assertEqual(read_to_end(self.connect(gateway)), b"")  # a handshake, and then nothing
        self.assertEqual(self.failures(gateway), {"slow": 3})

    def test_a_client_that_takes_nothing_is_cut(self):
        gateway = self.gateway("--stall-timeout", "300ms")
        raw = self.plain(gateway)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock = self.trusting.wrap_socket(raw, server_hostname="localhost")
        self.addCleanup(sock.close)
        for _ in range(3):
            sock.sendall(post(b"/call/EchoUtil.Echo", json.dumps(["x" * 4_000_000]).encode()))
        wait_until(lambda: "rpc_gateway_connections 1" in self.ask(gateway, "GET", "/metrics")[1].splitlines(),
                   "the client is cut")

    def test_nothing_is_negotiated_again(self):
        gateway = self.gateway()
        done = subprocess.run(["openssl", "s_client", "-connect", "localhost:%d" % gateway.address[1], "-tls1_2"],
                              input=b"R\n", capture_output=True, timeout=PATIENCE)
        self.assertIn(b"no renegotiation", done.stderr + done.stdout)
        self.assert_serves(gateway)

    def test_the_token_is_wanted(self):
        path = self.certificates.folder / "token"
        path.write_text(TOKEN + "\n")
        gateway = self.gateway("--token-file", path)
        self.assertEqual(self.ask(gateway, "POST", "/call/EchoUtil.CountString", ["s"])[0], 401)
        self.assertEqual(self.ask(gateway, "POST", "/call/EchoUtil.CountString", ["s"], Authorization="Bearer " + TOKEN)[0], 200)
        sock = self.connect(gateway)
        sock.sendall(b"CONNECT /_goRPC_ HTTP/1.0\n\n")
        self.assertEqual(read_to_end(sock), b"HTTP/1.0 401 Unauthorized\r\n\r\n")

    def shown(self, gateway):
        return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(gateway.address))

    def of(self, name):
        return ssl.PEM_cert_to_DER_cert(self.certificates.certificate(name).read_text())

    def hang_up(self, gateway, line):
        count = gateway.log.count(line)
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: gateway.log.count(line) > count, line)

    def test_the_certificate_is_read_again(self):
        gateway = self.gateway()
        self.assertEqual(self.shown(gateway), self.of("server"))
        kept = self.connect(gateway)
        before = self.of("server")
        self.certificates.make("server", by="root")
        self.assertEqual(self.shown(gateway), before)
        self.hang_up(gateway, "read the certificate again")
        self.assertEqual(self.shown(gateway), self.of("server"))
        self.assertNotEqual(self.shown(gateway), before)
        kept.sendall(HEALTH)
        self.assertIn(b"200 OK", kept.recv(1000))
        now = self.of("server")
        self.certificates.key("server").chmod(0o644)
        self.hang_up(gateway, "kept the certificate of before")
        self.certificates.certificate("server").write_text("nonsense")
        self.hang_up(gateway, "kept the certificate of before")
        self.assertEqual(self.shown(gateway), now)
        self.assert_serves(gateway)

    def test_mistakes_are_told(self):
        certificates = self.certificates
        certificates.make("other", by="root")
        certificates.key("other").chmod(0o640)
        certificates.make("locked", by="root")
        run("ec", "-in", certificates.key("locked"), "-out", certificates.folder / "locked.new", "-aes256", "-passout", "pass:x")
        certificates.key("locked").write_text((certificates.folder / "locked.new").read_text())
        certificate, key = certificates.certificate("server"), certificates.key("server")
        for flags, word in ((["--tls-cert", certificate], "--tls-key"), (["--tls-key", key], "--tls-cert"),
                            (["--tls-cert", "/none", "--tls-key", key], "/none"),
                            (["--tls-cert", certificate, "--tls-key", "/none"], "/none"),
                            (["--tls-cert", key, "--tls-key", key], "no certificate"),
                            (["--tls-cert", certificate, "--tls-key", certificate], "others than its owner"),
                            (["--tls-cert", certificate, "--tls-key", certificates.key("root")], "not the key"),
                            (certificates.flags("other"), "chmod 600"), (certificates.flags("locked"), "passphrase"),
                            (["--listen", "0.0.0.0:0", *certificates.flags("server")], "--insecure")):
            done = subprocess.run([BIN / "rpc-gateway", *flags], capture_output=True, env=clean_environment(), timeout=PATIENCE)
            told = done.stderr.decode()
            self.assertEqual(done.returncode, 2, (flags, told))
            self.assertIn(word, told)
            self.assertEqual(told.count("\n"), 1, told)


if __name__ == "__main__":
    main()
