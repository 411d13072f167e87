# A client in three lines, on a REQ socket: the reply comes back as it went, [1, msgid, error, result].
import sys, msgpack, zmq

socket = zmq.Context().socket(zmq.REQ)
socket.connect(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5555")
socket.send(msgpack.packb([0, 1, "EchoUtil.CountString", ["this is test"]]))
print(msgpack.unpackb(socket.recv())[3])
