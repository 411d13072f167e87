# The same three lines on a DEALER socket, which may have many calls under way: each answer is told by its msgid.
import sys, msgpack, zmq

socket = zmq.Context().socket(zmq.DEALER)
socket.connect(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5555")
socket.send(msgpack.packb([0, 1, "EchoUtil.CountString", ["this is test"]]))
print(msgpack.unpackb(socket.recv())[3])
