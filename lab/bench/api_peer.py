"""The peer of the HTTP API: an aiohttp handler that puts the body of a request on a topic and answers when Kafka has it
on every copy. It checks nothing, knows nobody, and keeps nothing: the least that such an answer takes.

`python -m lab.bench.api_peer BOOTSTRAP PORT`.
"""

import asyncio
import sys
import threading
import uuid

import uvloop
from aiohttp import web
from confluent_kafka import KafkaError, Message, Producer


async def _serve(bootstrap: str, port: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 0})
    loop = asyncio.get_running_loop()
    threading.Thread(target=lambda: [producer.poll(0.1) for _ in iter(int, 1)], daemon=True).start()

    async def submit(request: web.Request) -> web.Response:
        told: asyncio.Future[KafkaError | None] = loop.create_future()

        def done(error: KafkaError | None, _message: Message) -> None:
            loop.call_soon_threadsafe(told.set_result, error)

        producer.produce("tasks.submitted", await request.read(), uuid.uuid4().hex, on_delivery=done)
        return web.Response(status=500 if await told else 202)

    async def health(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post("/", submit)
    app.router.add_get("/healthz", health)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], int(sys.argv[2])))
