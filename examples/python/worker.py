# A worker without any library of ours: registers the service Greeter and serves it until it is told to leave.
#
#   python3 examples/python/worker.py & rpc-call Greeter.Hello world        → "Hello, world!"
import os, sys, time
import msgpack, zmq


def hello(name):
    return f"Hello, {name}!"


methods = {"Greeter.Hello": hello}
registration = {"protocol": 1, "name": f"greeter-{os.getpid()}", "heartbeat": True, "capacity": 1, "services": [
    {"name": "Greeter", "methods": [{"name": "Hello", "params": ["name: str"], "result": "str", "idempotent": True,
                                     "doc": "a greeting"}]}]}

socket = zmq.Context().socket(zmq.DEALER)
socket.connect(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5556")
send = lambda *message: socket.send(msgpack.packb(message))
register = lambda: send(0, 0, "rpc.register", [registration])
register()
heartbeat, beaten = 0.5, time.monotonic()  # seconds; the broker says how often
while True:
    if time.monotonic() - beaten >= heartbeat:
        send(2, "rpc.heartbeat", [{}])
        beaten = time.monotonic()
    if not socket.poll(1000 * heartbeat / 2):
        continue
    message = msgpack.unpackb(socket.recv())
    if message[0] == 1:  # the answer to rpc.register
        if message[2]:
            sys.exit(f"not registered: {message[2]}")
        heartbeat = message[3]["heartbeat"] / 1000
        print("registered as", message[3]["worker"], flush=True)
    elif message[0] == 0:  # a call
        _, msgid, method, params = message[:4]
        try:
            send(1, msgid, None, methods[method](*params))
        except Exception as problem:
            send(1, msgid, {"code": "INTERNAL", "message": str(problem)}, None)
    elif message[1] == "rpc.register_again":
        register()
    elif message[1] == "rpc.drain":
        send(2, "rpc.leave", [])
    elif message[1] == "rpc.left":
        break
