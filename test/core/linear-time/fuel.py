"""Counts the instructions of calls of a module: fuel.py MODULE.wasm

Reads one JSON object a line: {"export": name, "arguments": [i32...], "at": address, "request": base64}. The request is
written to the module's memory at that address. Writes one line each: {"status": i32, "fuel": n}, where n is what
wasmtime charges for the call: one unit an instruction, none for block, loop, end, else, nop and drop.
"""

import base64
import json
import sys

from wasmtime import Config, Engine, Instance, Module, Store

config = Config()
config.consume_fuel = True
engine = Engine(config)
store = Store(engine)
store.set_fuel(1 << 62)
exports = Instance(store, Module.from_file(engine, sys.argv[1]), []).exports(store)

for line in sys.stdin:
    call = json.loads(line)
    exports["memory"].write(store, base64.b64decode(call["request"]), call["at"])
    before = store.get_fuel()
    status = exports[call["export"]](store, *call["arguments"])
    print(json.dumps({"status": status, "fuel": before - store.get_fuel()}), flush=True)
