# Reads a stream: each item comes as [3, msgid, item], the response ends it. The broker sends no more than it was granted:
# `stream` items at first, and what rpc.credit adds. So a reader that takes its time holds the handler back, and nobody else.
import sys, msgpack, zmq

socket = zmq.Context().socket(zmq.DEALER)
socket.connect(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5555")
window = 10
socket.send(msgpack.packb([0, 1, "EchoUtil.Range", [25], {"stream": window}]))
read = 0
while True:
    message = msgpack.unpackb(socket.recv())
    if message[0] == 1:  # [1, msgid, error, result]
        sys.exit(f"the stream ended: {message[2]}" if message[2] else None)
    print(message[2])
    read += 1
    if read % (window // 2) == 0:
        socket.send(msgpack.packb([2, "rpc.credit", [1, window // 2]]))
