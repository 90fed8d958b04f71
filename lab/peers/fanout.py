"""The floor under any gateway: a bare aiohttp server with its defaults that does nothing but the fan-out.

As a program: PORT SESSIONS RATE. A client names its session in its first message and is answered with a snapshot of
nothing; a thread beside makes progress of the sessions at the rate, and each client of a session is sent it. No Kafka,
no tokens, no order, no bound. Prints "ready" once it listens.
"""

import asyncio
import json
import sys
import threading
import time

from aiohttp import web

MESSAGE = {
    "event": "progress_update",
    "session_id": "",
    "data": {"task_id": "", "tenant_id": "bench", "kind": "progress", "attempt": 1, "message": "reading the file"},
    "timestamp": 0,
    "progress": 0.5,
    "token": "AbTs" * 40,
}


class Fanout:
    def __init__(self, sessions: int, rate: float) -> None:
        self._sockets: dict[str, set[web.WebSocketResponse]] = {f"s-{n}": set() for n in range(sessions)}
        self._rate = rate
        self._loop = asyncio.get_running_loop()

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        group = None
        async for message in socket:
            group = self._sockets[json.loads(message.data)["session_id"]]
            group.add(socket)
            await socket.send_str('{"event":"snapshot"}')
        if group is not None:
            group.discard(socket)
        return socket

    async def send(self, number: int, at_us: int) -> None:
        session = f"s-{number * 7 % len(self._sockets)}"
        text = json.dumps({**MESSAGE, "session_id": session, "timestamp": at_us})
        for socket in list(self._sockets[session]):
            await socket.send_str(text)

    def tell(self) -> None:
        number, due = 0, time.monotonic()
        while True:
            due += 1 / self._rate
            time.sleep(max(0.0, due - time.monotonic()))
            number += 1
            asyncio.run_coroutine_threadsafe(self.send(number, time.time_ns() // 1000), self._loop)


async def serve(port: int, sessions: int, rate: float) -> None:
    fanout = Fanout(sessions, rate)
    app = web.Application()
    app.router.add_get("/ws", fanout.websocket)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    threading.Thread(target=fanout.tell, daemon=True).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
