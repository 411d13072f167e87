# Cancels a call. It ends at once with CANCELLED, and its handler hears of it.
import sys, msgpack, zmq

socket = zmq.Context().socket(zmq.DEALER)
socket.connect(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5555")
socket.send(msgpack.packb([0, 1, "EchoUtil.Sleep", [60000]]))
socket.send(msgpack.packb([2, "rpc.cancel", [1]]))
error = msgpack.unpackb(socket.recv())[2]
print(error["code"])
