"""/openapi.json of rpc-gateway, held against the schema of OpenAPI 3.0 as its authors publish it (Debian's openapi-specification)."""

import json
import pathlib
import tempfile
import urllib.error
import urllib.parse
import urllib.request

import jsonschema
from rpckit import PATIENCE, RpcTest, main

SCHEMA = json.loads(pathlib.Path("/usr/share/openapi-specification/schemas/v3.0/schema.json").read_text())
TOKEN = "0123456789abcdef"
HOSTILE = ["{id}", "a/b?c#d", '"quoted"', "<b>", "%2F", "é 漢", "$ref", "x" * 100]


class OpenApi(RpcTest):
    def gateway(self, broker, *flags):
        return "http://" + self.program("rpc-gateway", "--listen", "127.0.0.1:0", "--broker", broker.frontend, *flags).ready()["http"]

    def get(self, url, body=None, **fields):
        request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), fields)
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return json.load(response)

    def document(self, gateway, **fields):
        document = self.get(gateway + "/openapi.json", **fields)
        jsonschema.validate(document, SCHEMA, jsonschema.Draft4Validator)
        operations = [path["post"]["operationId"] for path in document["paths"].values()]
        self.assertEqual(len(operations), len(set(operations)))
        for reference in self.references(document):
            part = document
            for name in reference.removeprefix("#/").split("/"):
                part = part[name]
        return document

    def references(self, part):
        if isinstance(part, list):
            for each in part:
                yield from self.references(each)
        elif isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            for each in part.values():
                yield from self.references(each)

    def test_what_is_registered_is_described_as_it_is_called(self):
        broker = self.broker()
        self.worker(broker)
        gateway = self.gateway(broker)
        document = self.document(gateway)
        self.assertIn("/call/EchoUtil.CountString", document["paths"])
        for method, params in (("CountString", ["this is test"]), ("CountString", {"text": "this is test"}), ("Upper", ["s"]),
                               ("Echo", [{"a": [1, None]}]), ("Whoami", []), ("Sleep", [0])):
            operation = document["paths"]["/call/EchoUtil." + method]["post"]
            sent = operation["requestBody"]["content"]["application/json"]["schema"]
            received = operation["responses"]["200"]["content"]["application/json"]["schema"]
            jsonschema.validate(params, sent, jsonschema.Draft4Validator)
            jsonschema.validate(self.get(f"{gateway}/call/EchoUtil.{method}", params), received, jsonschema.Draft4Validator)
        refused = document["paths"]["/call/EchoUtil.CountString"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        for params in ([], [1], ["a", "b"], {}, {"text": 1}, "text"):
            self.assertFalse(jsonschema.Draft4Validator(refused).is_valid(params), params)
        self.assertIn("application/x-ndjson", document["paths"]["/call/EchoUtil.Range"]["post"]["responses"]["200"]["content"])

    def test_hostile_names_make_a_valid_document_whose_paths_can_be_called(self):
        broker = self.broker()
        worker = self.peer(broker.backend)
        methods = [{"name": name, "params": [f"{name}: {name}", "{a: int"], "result": name, "doc": name} for name in HOSTILE]
        self.assertIsNone(worker.register({"Evil": methods, '"}': ["m"]}, capacity=10)[0])
        gateway = self.gateway(broker)
        document = self.document(gateway)
        self.assertEqual({urllib.parse.unquote(path) for path in document["paths"]},
                         {"/call/Evil." + name for name in HOSTILE} | {'/call/"}.m'})
        for path in document["paths"]:
            call = urllib.request.Request(gateway + path + "?timeout=1ms", b"[]")
            with self.assertRaises(urllib.error.HTTPError) as failed:
                urllib.request.urlopen(call, timeout=PATIENCE)
            self.assertIn(failed.exception.code, (504, 429))  # it is there, and nobody answers
            failed.exception.close()

    def test_with_a_token_and_a_pattern(self):
        broker = self.broker()
        self.worker(broker)
        with tempfile.TemporaryDirectory() as folder:
            token = pathlib.Path(folder, "token")
            token.write_text(TOKEN)
            gateway = self.gateway(broker, "--token-file", token, "--allow", "EchoUtil.C*")
        document = self.document(gateway, Authorization="Bearer " + TOKEN)
        self.assertEqual(list(document["paths"]), ["/call/EchoUtil.Count", "/call/EchoUtil.CountString"])
        self.assertEqual(document["components"]["securitySchemes"], {"token": {"type": "http", "scheme": "bearer"}})


if __name__ == "__main__":
    main()
