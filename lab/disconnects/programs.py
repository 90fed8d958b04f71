"""Programs as somebody outside writes them with our clients, each following several things; they print what they are
told. They know nothing of disconnects: going on is the clients' work.
"""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lab.disconnects.clients import Heard

ROOT = Path(__file__).parents[2]

WITH_ASYNCIO = """
import asyncio, json, sys
from gateway.client import follow

async def watch(n, to):
    async for message in follow(sys.argv[1], access_token=sys.argv[2], to=[to]):
        print(json.dumps([n, message._asdict()]), flush=True)

async def main():
    await asyncio.gather(*(watch(n, to) for n, to in enumerate(json.loads(sys.argv[3]))))

asyncio.run(main())
"""

WITHOUT = """
import json, sys, threading
from gateway.client.sync import follow

def watch(n, to):
    for message in follow(sys.argv[1], access_token=sys.argv[2], to=[to]):
        sys.stdout.write(json.dumps([n, message._asdict()]) + "\\n")
        sys.stdout.flush()

for n, to in enumerate(json.loads(sys.argv[3])):
    threading.Thread(target=watch, args=(n, to)).start()
"""

BROWSERS = """
globalThis.addEventListener = () => {};
const [url, accessToken, wanted] = process.argv.slice(-3);
const { Live } = await import(process.argv.at(-4));
for (const [n, to] of JSON.parse(wanted).entries()) {
  const live = new Live({ url: `${url.replace("http", "ws")}/ws`, accessToken });
  live.subscribe(to, (message) => console.log(JSON.stringify([n, message])));
}
"""


class Program:
    """One process that follows several things through the wire."""

    def __init__(self, kind: str, wanted: Sequence[dict[str, str]]) -> None:
        self.heard = [Heard(to, kind) for to in wanted]
        self._kind = kind

    async def start(self, url: str, access: str) -> None:
        words = [url, access, json.dumps([heard.to for heard in self.heard])]
        self._process = await asyncio.create_subprocess_exec(
            *_command(self._kind), *words, stdout=subprocess.PIPE, stderr=None, cwd=ROOT, limit=2**22
        )
        self._reading = asyncio.ensure_future(self._read())

    async def shown(self) -> None:
        """Until it was shown how all of it is."""
        while any(heard.token is None for heard in self.heard):
            if self._process.returncode is not None:
                raise RuntimeError(f"the program with the {self._kind} client ended")
            await asyncio.sleep(0.05)

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            number, message = json.loads(line)
            self.heard[number].keep(message)


def kinds() -> list[str]:
    return ["asyncio", "threads", *(["browser"] if shutil.which("node") else [])]


def _command(kind: str) -> list[str]:
    if kind == "browser":
        script = str(ROOT / "gateway" / "page" / "headway.js")
        node = ["node", "--experimental-websocket", "--no-warnings", "--input-type=module"]
        return [*node, "-e", BROWSERS, "--", script]
    return [sys.executable, "-c", WITH_ASYNCIO if kind == "asyncio" else WITHOUT]
