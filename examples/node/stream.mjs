// Reads a stream and cancels another one, with nothing of ours: npm install zeromq @msgpack/msgpack
import { Dealer } from "zeromq";
import { decode, encode } from "@msgpack/msgpack";

const socket = new Dealer();
socket.connect(process.argv[2] ?? "tcp://127.0.0.1:5555");
const send = (...message) => socket.send(encode(message));
const receive = async () => decode((await socket.receive())[0]);

// Items come as [3, msgid, item] for as long as there is credit; the response ends the stream.
async function* stream(msgid, method, params, window = 10) {
  await send(0, msgid, method, params, { stream: window });
  for (let read = 1; ; read++) {
    const [type, , item, result] = await receive();
    if (type === 1) {
      if (item) throw new Error(`${item.code}: ${item.message}`);
      return result;
    }
    yield item;
    if (read % (window / 2) === 0) await send(2, "rpc.credit", [msgid, window / 2]);
  }
}

for await (const item of stream(1, "EchoUtil.Range", [25])) console.log(item);

await send(0, 2, "EchoUtil.Sleep", [60000]);
await send(2, "rpc.cancel", [2]);
const [, , error] = await receive();
console.log(error.code); // CANCELLED
socket.close();
