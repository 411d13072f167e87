# A worker that streams, without any library of ours: Counter.Count(n) sends 0 … n-1 as items, and then n.
#
#   python3 examples/python/stream_worker.py & rpc-call Counter.Count 3        → 0, 1 and 2, a line each
#
# A method is a generator: what it yields are the items, what it returns is the result. One loop serves all streams that
# run; each sends an item a turn, as long as its caller takes more.
import os, sys, msgpack, zmq

def count(n):
    yield from range(n)
    return n

methods = {"Counter.Count": count}
registration = {"protocol": 1, "name": f"counter-{os.getpid()}", "heartbeat": True, "capacity": 100, "services": [
    {"name": "Counter", "methods": [{"name": "Count", "params": ["n: int"], "result": "int", "stream": True}]}]}
socket = zmq.Context().socket(zmq.DEALER)
socket.connect(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5556")
send = lambda *message: socket.send(msgpack.packb(message))
fail = lambda msgid, code, text: send(1, msgid, {"code": code, "message": text}, None)
send(0, 0, "rpc.register", [registration])
heartbeat, left = 500, False  # ms; the broker says how often
streams = {}  # by msgid: the generator, and how many items its caller still takes

def advance(msgid):  # sends an item, or what comes after the last
    stream = streams[msgid]
    try:
        send(3, msgid, next(stream[0]))
        stream[1] -= 1
        return
    except StopIteration as end:
        send(1, msgid, None, end.value)
    except Exception as problem:
        fail(msgid, "INTERNAL", str(problem))
    del streams[msgid]

while not left or streams:
    ready = [msgid for msgid, (items, credit) in streams.items() if credit]
    for msgid in ready:
        advance(msgid)
    # Each heartbeat of the broker's is answered. When none comes it may have been restarted: ours makes it say so.
    if not socket.poll(0 if ready else 2 * heartbeat):
        if not ready:
            send(2, "rpc.heartbeat", [{}])
        continue
    message = msgpack.unpackb(socket.recv())
    if message[0] == 1:  # the answer to rpc.register
        if message[2]:
            sys.exit(f"not registered: {message[2]}")
        heartbeat = message[3]["heartbeat"]
        print("registered as", message[3]["worker"], flush=True)
    elif message[0] == 0:  # a call; its options say how many items its caller takes before it grants more
        try:
            streams[message[1]] = [methods[message[2]](*message[3]), message[4]["stream"]]
        except Exception as problem:
            fail(message[1], "INVALID_ARGUMENT", str(problem))
    elif message[1] == "rpc.credit":
        if message[2][0] in streams:
            streams[message[2][0]][1] += message[2][1]
    elif message[1] == "rpc.cancel":
        if streams.pop(message[2][0], None):
            fail(message[2][0], "CANCELLED", "cancelled")
    elif message[1] == "rpc.heartbeat":
        send(2, "rpc.heartbeat", [{}])
    elif message[1] == "rpc.register_again":
        streams.clear()
        send(0, 0, "rpc.register", [registration])
    elif message[1] == "rpc.drain":
        send(2, "rpc.leave", [])
    elif message[1] == "rpc.left":
        left = True
