# A worker without any library of ours: registers the service Greeter and serves it until it is told to leave.
#
#   python3 examples/python/worker.py & rpc-call Greeter.Hello world        → "Hello, world!"
import os, sys, msgpack, zmq

methods = {"Greeter.Hello": lambda name: f"Hello, {name}!"}
registration = {"protocol": 1, "name": f"greeter-{os.getpid()}", "heartbeat": True, "capacity": 1, "services": [
    {"name": "Greeter", "methods": [{"name": "Hello", "params": ["name: str"], "result": "str", "idempotent": True}]}]}
socket = zmq.Context().socket(zmq.DEALER)
socket.connect(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5556")
send = lambda *message: socket.send(msgpack.packb(message))
send(0, 0, "rpc.register", [registration])
heartbeat = 500  # ms; the broker says how often
while True:
    # Each heartbeat of the broker's is answered. When none comes it may have been restarted: ours makes it say so.
    message = msgpack.unpackb(socket.recv()) if socket.poll(2 * heartbeat) else [2, "rpc.heartbeat", []]
    if message[0] == 1:  # the answer to rpc.register
        if message[2]:
            sys.exit(f"not registered: {message[2]}")
        heartbeat = message[3]["heartbeat"]
        print("registered as", message[3]["worker"], flush=True)
    elif message[0] == 0:  # a call
        try:
            send(1, message[1], None, methods[message[2]](*message[3]))
        except Exception as problem:
            send(1, message[1], {"code": "INTERNAL", "message": str(problem)}, None)
    elif message[1] == "rpc.heartbeat":
        send(2, "rpc.heartbeat", [{}])
    elif message[1] == "rpc.register_again":
        send(0, 0, "rpc.register", [registration])
    elif message[1] == "rpc.drain":
        send(2, "rpc.leave", [])
    elif message[1] == "rpc.left":
        break
