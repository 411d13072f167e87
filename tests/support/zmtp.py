"""ZMTP 3 by hand (ZeroMQ RFC 23), for what libzmq would not do: stop reading, lie, send half of something."""

import socket
import struct
import time

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)


def address_of(endpoint):
    """("127.0.0.1", 5555) of a tcp endpoint."""
    host, port = endpoint.removeprefix("tcp://").rsplit(":", 1)
    return host, int(port)


def connect(endpoint, timeout=20):
    """A socket that closes by reset, so that thousands of them leave no port in use."""
    one = socket.create_connection(address_of(endpoint), timeout)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return one


def receive(one, size):
    """Exactly so many bytes."""
    content = b""
    while len(content) < size:
        some = one.recv(size - len(content))
        if not some:
            raise ConnectionError("closed")
        content += some
    return content


def is_closed(one, within=0.0):
    """Whether the other side closed it, by that time; what it sent is thrown away."""
    end = time.monotonic() + within
    while True:
        one.settimeout(max(0.001, end - time.monotonic()))
        try:
            if one.recv(65536) == b"":
                return True
        except TimeoutError:
            return False
        except OSError:
            return True


def frame(body, more=False, command=False):
    flags = (1 if more else 0) | (4 if command else 0)
    if len(body) < 256:
        return bytes((flags, len(body))) + body
    return struct.pack(">BQ", flags | 2, len(body)) + body


def ready(**properties):
    """The READY command, as a frame."""
    body = b"\x05READY"
    for name, value in properties.items():
        name = name.replace("_", "-").encode()
        body += bytes((len(name),)) + name + struct.pack(">I", len(value)) + value
    return frame(body, command=True)


class Raw:
    """A DEALER that is through with its handshake. It reads only when it is asked to."""

    def __init__(self, endpoint, **properties):
        self.socket = connect(endpoint)
        self.socket.sendall(GREETING + ready(Socket_Type=b"DEALER", **properties))
        # libzmq takes a message that comes before it has sent its own READY for a mistake.
        receive(self.socket, len(GREETING))
        receive(self.socket, receive(self.socket, 2)[1])

    def send(self, body, more=False):
        self.socket.sendall(frame(body, more))

    def is_cut(self, within=0.0):
        return is_closed(self.socket, within)

    def close(self):
        self.socket.close()
