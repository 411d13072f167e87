"""Certificates for tests, made by the openssl program."""

import pathlib
import subprocess
import tempfile

SETTINGS = """[req]
distinguished_name = name
prompt = no
[name]
CN = rpcbroker test
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
"""


class Certificates:
    """A folder with an authority, `root`, that clients trust. Each certificate NAME has NAME.pem and NAME.key."""

    def __init__(self, test):
        folder = tempfile.TemporaryDirectory()
        test.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "settings").write_text(SETTINGS)
        self.make("root", "authority")

    def certificate(self, name):
        return self.folder / f"{name}.pem"

    def key(self, name):
        return self.folder / f"{name}.key"

    def flags(self, name):
        return ["--tls-cert", self.certificate(name), "--tls-key", self.key(name)]

    def make(self, name, kind="server", by=None):
        """A certificate for localhost, or an authority's; `by`: whose authority signs it, else it does itself."""
        signed = ["-CA", self.certificate(by), "-CAkey", self.key(by)] if by else []
        run("req", "-x509", "-config", self.folder / "settings", "-extensions", kind, "-days", "2", "-nodes",
            "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", f"/CN={name}", *signed,
            "-keyout", self.key(name), "-out", self.certificate(name))
        self.key(name).chmod(0o600)

    def append(self, name, other):
        """Puts the other certificate behind this one, as what leads to the root."""
        with self.certificate(name).open("a") as file:
            file.write(self.certificate(other).read_text())


def run(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)
