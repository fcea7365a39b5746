"""The project's lab, steered over its JSON lines: real DNS and real TLS on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

_MAIN = Path(__file__).parents[3] / "dist" / "test" / "lab" / "main.js"


class Lab:
    def __init__(self, process: asyncio.subprocess.Process, ready: dict[str, Any]) -> None:
        self._process, self._next = process, 0
        self.ca_pem: str = ready["caPem"]
        self.dns_port: int = ready["dns"]["port"]
        self.https_port: int = ready["https"]["port"]

    async def call(self, command: str, *args: Any) -> Any:
        """A method of World (test/lab/world.ts); one at a time."""
        self._next += 1
        answer = await _say(self._process, {"id": self._next, "command": command, "args": args})
        assert answer["ok"], answer
        return answer.get("value")


async def _say(process: asyncio.subprocess.Process, line: Any) -> dict[str, Any]:
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps(line).encode() + b"\n")
    await process.stdin.drain()
    answer: dict[str, Any] = json.loads(await process.stdout.readline())
    return answer


@asynccontextmanager
async def lab() -> AsyncIterator[Lab]:
    """A world of its own, ended with its stdin. Needs `npm run build` and node."""
    assert _MAIN.exists(), "dist/test/lab is missing: run npm run build"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("node", str(_MAIN), stdin=pipe, stdout=pipe, limit=1 << 24)
    try:
        yield Lab(process, await _say(process, {}))
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()
