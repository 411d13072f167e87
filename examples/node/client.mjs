// A client in Node, with nothing of ours: npm install zeromq @msgpack/msgpack
import { Dealer } from "zeromq";
import { decode, encode } from "@msgpack/msgpack";

const socket = new Dealer();
socket.connect(process.argv[2] ?? "tcp://127.0.0.1:5555");
await socket.send(encode([0, 1, "EchoUtil.CountString", ["this is test"]]));
const [body] = await socket.receive();
console.log(decode(body)[3]); // [1, msgid, error, result]
socket.close();
