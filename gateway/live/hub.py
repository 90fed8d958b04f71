"""Who gets what: folds what the topics tell, keeps the newest of it, and hands each message to those subscribed. Pure.

All of it belongs to one thread, so that a snapshot and the messages after it fit together: between them nothing
happens.

A client that comes with a token is given what it missed first, from the ring, or from Kafka when the ring does not
reach back so far, and is then joined with what happens now in the same moment in which nothing is missing any more.
Until then everything else it asks for waits, so that its newest token always says all that it was told.
"""

from collections.abc import Callable, Iterable
from typing import Any

from gateway.alerts import seen_by
from gateway.fleet import told_pool
from gateway.live.board import Board
from gateway.live.joining import Client, Joining, Resume
from gateway.live.messages import Key, Told, told_of
from gateway.live.order import Order, Read
from gateway.live.parcel import Parcel, parcel
from gateway.live.places import BadToken, Layout, Places, behind
from gateway.live.protocol import FLAGS, selector_of
from gateway.live.ring import Ring
from gateway.live.tasks import Tasks
from gateway.live.wanted import Wanted
from schemas.events import Alert

FLEET: Key = ("fleet", None, "")
_PIECE = 500
_TURN_US = 10_000
"""Messages that one client is handed in one go while it catches up, and the time all of them get: others are served
between."""


class Hub:
    def __init__(
        self,
        layout: Layout,
        start: Places,
        *,
        tasks_max: int,
        ring_bytes: int,
        now_us: Callable[[], int],
        ask_kafka: Callable[[Client, Resume], None],
        here: Callable[[Key], list[dict[str, Any]]],
        throughput_target: float = 0.0,
    ) -> None:
        """`ask_kafka`: reads what a client missed since `places`; answered by `stocked`, `read_again` or `gap`.
        `here`: who is in a session, as its subscribers see it.
        """
        self.layout = layout
        self.places = list(start)
        """All before them was told."""
        self.tasks = Tasks(tasks_max)
        self.board = Board(throughput_target)
        self.ring = Ring(start, ring_bytes)
        self._order = Order(len(layout))
        self._now_us = now_us
        self._ask_kafka = ask_kafka
        self._here = here
        self._clients: dict[Key, dict[Client, None]] = {}
        self._catching_up: dict[Client, None] = {}
        self._ahead: dict[Client, None] = {}
        """Those that another gateway has told more than we have read."""
        self._token: str | None = None

    @property
    def token(self) -> str:
        """Of somebody who was told everything up to now."""
        if self._token is None:
            self._token = self.layout.token(self.places)
        return self._token

    @property
    def waits(self) -> bool:
        """Whether something was read that cannot be told before something else."""
        return self._order.waits

    # --- what happens --------------------------------------------------------------------------------------------

    def see(self, reads: Iterable[Read]) -> None:
        """Records as they come, each partition in its order; tells what can be told by now."""
        self._order.add(reads)
        self._take(self._order.take())

    def see_stretch(self, reads: Iterable[Read], ends: Places | None = None) -> None:
        """A whole stretch from before, at the start. `ends`: see `Order.take_stretch`."""
        self._take(self._order.take_stretch(reads, ends))

    def nothing_more_before(self, places: Places) -> None:
        """See `Order.free`."""
        self._order.free(places)
        self._take(self._order.take())

    def see_pool(self, status: dict[str, Any]) -> None:
        self.tasks.see_pool(status)
        self.board.see_pool(status)
        self._tell_pool(status)

    def see_removed(self, agents: frozenset[str]) -> None:
        """All agents that were taken out by now."""
        changed = agents ^ self.tasks.removed
        self.tasks.removed = self.board.removed = agents
        for status in [status for status in self.tasks.pools.values() if status["agent_id"] in changed]:
            self._tell_pool(status)

    def see_alert(self, alert: Alert) -> None:
        """Everybody is told of it; the tasks that show it, only who may see them."""
        self.tasks.see_alert(alert)
        for key in [key for key in self._clients if key[0] == "alerts"]:
            told: Any = seen_by(alert, key[1])
            self.publish("alert", told, [key], f"alert {alert['alert_id']}")

    def publish(self, event: str, data: dict[str, Any], keys: Iterable[Key], conflated: str, **more: str) -> None:
        """Tells something of which only the newest counts."""
        clients = dict.fromkeys(client for key in keys for client in self._clients.get(key, ()))
        if clients:
            made = parcel(event, data, at_us=self._now_us(), token=self.token, conflated=conflated, **more)
            for client in clients:
                client.send(made)

    def _tell_pool(self, status: dict[str, Any]) -> None:
        told = told_pool(status, self.tasks.removed)
        self.publish("pool", told, [FLEET, _of_pools(status["agent_id"])], f"pool {status['pool']}")

    def _take(self, taken: Iterable[tuple[Read, bool]]) -> None:
        for read, is_news in taken:
            self.places[read.place] = read.offset + 1
            self._token = None
            if is_news:
                self.tasks.see(read)
                self.board.see(read)
                told = told_of(read)
                if told is not None:
                    self.ring.add(told)
                    self._tell(told)
        for client in list(self._ahead):
            self.go_on(client)

    def _tell(self, told: Told) -> None:
        groups = list(filter(None, map(self._clients.get, told.keys())))
        if not groups:
            return
        made = _parcel_of(told, self.token)
        for client in list(groups[0]) if len(groups) == 1 else dict.fromkeys(c for group in groups for c in group):
            client.send(made)

    # --- who listens ---------------------------------------------------------------------------------------------

    def subscribe(self, client: Client, keys: tuple[Key, ...], token: str | None) -> None:
        """With a token after what was told, else with a snapshot."""
        joining = client.joining
        if token is None:
            joining.ask(keys)
        else:
            lasting = tuple(key for key in keys if key[0] not in FLAGS)
            joining.ask(tuple(key for key in keys if key[0] in FLAGS))
            try:
                joining.resume = Resume(lasting, self.layout.places(token, self.places), Wanted(lasting))
            except BadToken as error:
                self._gap(client, lasting, f"The token cannot be used: {error}.")
        self.go_on(client)

    def follow(self, client: Client, keys: tuple[Key, ...], places: Places) -> None:
        """Tells a client, which was shown how things were at these places, everything after them."""
        client.joining.resume = Resume(keys, list(places), Wanted(keys), is_silent=True)
        self.go_on(client)

    def unsubscribe(self, client: Client, keys: Iterable[Key]) -> None:
        gone, joining = set(keys), client.joining
        for key in gone & joining.keys:
            self._leave(client, key)
        joining.keys -= gone
        joining.fresh = [rest for group in joining.fresh if (rest := tuple(k for k in group if k not in gone))]
        if joining.resume is not None:
            joining.resume.keys = tuple(key for key in joining.resume.keys if key not in gone)
            joining.resume.wanted = Wanted(joining.resume.keys)

    def fall_back(self, client: Client, token: str | None) -> None:
        """Takes a client that does not read out of everything until it does; then it goes on after what it was sent.

        Meanwhile it costs nothing: what happens is in the ring, once for all. Without a token it begins anew.
        """
        joining = client.joining
        keys = tuple(joining.keys)
        self.unsubscribe(client, keys)
        lasting = () if token is None else tuple(key for key in keys if key[0] not in FLAGS)
        if token is not None and lasting:
            joining.resume = Resume(lasting, self.layout.places(token, self.places), Wanted(lasting), is_slow=True)
        if rest := tuple(key for key in keys if key not in lasting):
            joining.fresh.insert(0, rest)
        self._catching_up[client] = None

    def forget(self, client: Client) -> None:
        for key in client.joining.keys:
            self._leave(client, key)
        client.joining = Joining()
        self._catching_up.pop(client, None)
        self._ahead.pop(client, None)

    def go_on(self, client: Client) -> None:
        """Gives a client more of what it waits for, as long as it has room; some of it, if that is much."""
        joining, left = client.joining, _PIECE
        while not joining.is_done and client.has_room and left > 0:
            if joining.resume is None:
                self._join(client, joining.fresh.pop(0))
            elif (told := self._resumed(client, joining.resume, left)) is None:
                break
            else:
                left -= told
        if joining.is_done:
            self._catching_up.pop(client, None)
        else:
            self._catching_up[client] = None

    def go_on_all(self) -> None:
        """The same for all that have room, by turns; to be called some fifty times a second. It takes a few ms."""
        until_us = self._now_us() + _TURN_US
        for client in [client for client in self._catching_up if client.has_room]:
            self._catching_up.pop(client, None)
            self.go_on(client)
            if self._now_us() > until_us:
                break

    def stocked(self, client: Client, resume: Resume, stock: Iterable[Told], end: Places, *, is_last: bool) -> None:
        """A piece of what Kafka has for a client, up to `end` and in order."""
        if client.joining.resume is not resume:
            return  # it has gone
        resume.at_kafka = not is_last
        resume.is_ahead = is_last and behind(self.places, resume.places)
        resume.pieces += 1
        resume.stock.extend(stock)
        resume.stock_end = end
        self.go_on(client)

    def read_again(self, client: Client, resume: Resume) -> None:
        """Nothing more comes for a client, which reads too slowly for the others, or Kafka was away: what it was not
        told is asked for once more when it has room.
        """
        if client.joining.resume is resume:
            resume.stock.clear()
            resume.stock_end, resume.at_kafka = None, False
            self.go_on(client)

    def gap(self, client: Client, resume: Resume, reason: str) -> None:
        """What a client missed cannot be told: it hears so, and is shown how things are."""
        if client.joining.resume is resume:
            client.joining.resume = None
            self._gap(client, resume.keys, reason)
            self.go_on(client)

    def _gap(self, client: Client, keys: tuple[Key, ...], reason: str) -> None:
        client.came_back(whole=False)
        data: dict[str, Any] = {"reason": reason, "to": [selector_of(key) for key in keys]}
        client.answer(parcel("gap", data, at_us=self._now_us()))
        if keys:
            client.joining.fresh.insert(0, keys)

    def _resumed(self, client: Client, resume: Resume, most: int) -> int | None:
        """Steps of catching up that were made; null when there is nothing to be done at this moment."""
        if resume.stock:
            self._tell_again(client, resume, resume.stock.popleft())
            return 1
        if resume.stock_end is not None:
            resume.places = [max(pair) for pair in zip(resume.places, resume.stock_end, strict=True)]
            resume.stock_end = None
            return 1
        if resume.at_kafka:
            return None
        self._ahead.pop(client, None)
        if behind(self.places, resume.places):
            if resume.is_ahead:
                self._ahead[client] = None
                return None
        elif self.ring.covers(resume.places):
            return self._resumed_from_ring(client, resume, most)
        if resume.is_slow:
            client.give_up()
            return None
        resume.at_kafka, resume.is_ahead = True, False
        self._ask_kafka(client, resume)
        return None

    def _resumed_from_ring(self, client: Client, resume: Resume, most: int) -> int:
        given = 0
        for told in self.ring.since(resume.places):
            if resume.wanted.takes(told.tenant_id, told.session_id, told.task_id, told.agent_id):
                if given >= most or not client.has_room:
                    return given
                self._tell_again(client, resume, told)
                given += 1
            else:
                resume.places[told.place] = told.offset + 1
        client.joining.resume = None
        self._enter(client, resume.keys)
        self._tell_here(client, resume.keys)
        if not resume.is_silent:
            if not resume.is_slow:
                client.came_back(whole=True)
            data: dict[str, Any] = {"to": [selector_of(key) for key in resume.keys]}
            client.show(parcel("resumed", data, at_us=self._now_us(), token=self.token))
        return given + 1

    def _tell_again(self, client: Client, resume: Resume, told: Told) -> None:
        resume.places[told.place] = told.offset + 1
        if told.is_progress and self.tasks.had_ended((told.tenant_id, told.task_id), resume.places):
            return  # another gateway told it the end first
        if self._was_told(told, resume.places):
            return
        if resume.is_slow and told.conflates and not self.tasks.is_newest_progress(told):
            return
        client.show(_parcel_of(told, self.layout.token(resume.places)))

    def _was_told(self, told: Told, places: Places) -> bool:
        """Whether this repeats, in the topics, what lies before these places. A replay does not look there."""
        first = None if told.fact is None else self._order.first((told.tenant_id, told.task_id), told.fact)
        return first is not None and first != (told.place, told.offset) and first[1] < places[first[0]]

    def _join(self, client: Client, keys: tuple[Key, ...]) -> None:
        """Only the last snapshot has a token: who has it, has them all."""
        if client.shows_itself():
            return
        self._enter(client, keys)
        lasts = [False] * (len(keys) - 1) + [True]
        for key, shown, is_last in zip(keys, self.tasks.snapshots(keys), lasts, strict=True):
            data: dict[str, Any] = {"of": selector_of(key), **shown}
            if key == FLEET:
                data |= {"board": self.board.newest, "history": self.board.history()}
            token = self.token if is_last else None
            session_id = {"session_id": key[2]} if key[0] == "session" else {}
            if session_id:
                data["here"] = self._here(key)
            client.show(parcel("snapshot", data, at_us=self._now_us(), token=token, **session_id))

    def _tell_here(self, client: Client, keys: Iterable[Key]) -> None:
        """People come and go without a place in the topics: who was away is told who is there."""
        for key in keys:
            if key[0] == "session":
                data: dict[str, Any] = {"here": self._here(key)}
                client.show(parcel("presence", data, at_us=self._now_us(), session_id=key[2]))

    def _enter(self, client: Client, keys: Iterable[Key]) -> None:
        for key in keys:
            client.joining.keys.add(key)
            for group in _groups(key):
                self._clients.setdefault(group, {})[client] = None

    def _leave(self, client: Client, key: Key) -> None:
        for name in _groups(key):
            group = self._clients.get(name, {})
            group.pop(client, None)
            if not group:
                self._clients.pop(name, None)


def _parcel_of(told: Told, token: str) -> Parcel:
    conflated = (told.tenant_id, told.task_id) if told.conflates else None
    return Parcel(told.with_token(token), token, conflated)


def _of_pools(agent_id: str) -> Key:
    """Those who watch an agent, of whatever tenant: its pools are everybody's."""
    return "pools", None, agent_id


def _groups(key: Key) -> tuple[Key, ...]:
    return (key, _of_pools(key[2])) if key[0] == "agent" else (key,)
