"""Live progress for people and programs: what happens on the topics, told to those who asked for it, exactly once and
in order, also after hours away. By WebSocket and by server-sent events; `docs/live.md` has the protocol.

For the application around it:

    live = Live(settings, holds=tokens.holds)   # holds(principal, now_us): asked once a second about who is connected
    await live.start()                          # returns at once; connections wait until the topics are read
    await live.websocket(request, principal)    # in an aiohttp handler, after the application knows who asks
    await live.events(request, principal)       # the same as server-sent events: ?session_id=… &task_id=… &fleet=true …
    await live.stop()                           # closes every connection; who comes back misses nothing

A principal has `token_id` (whose connections are counted together), `name` (shown as presence), `tenant` (the one
tenant it sees; null: all of them) and `expires_at` [µs; null: never].

Pure are `places` (positions and tokens), `order` (topics read side by side into one order), `messages` (events as
people read them), `tasks` and `board` (what a snapshot says), `outbox` (what waits for a slow client), `protocol` (the
conversation) and `hub` (who gets what). Only `feed` and `replay` know Kafka, only `connections` knows sockets.
"""

from gateway.live.live import Live

__all__ = ["Live"]
