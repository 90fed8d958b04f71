"""The browser's module on a socket of straw: what it asks for and hands on, whatever the network does."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "gateway" / "page" / "headway.js"

STAGE = """
const handlers_of_page = {};
globalThis.addEventListener = (name, does) => (handlers_of_page[name] = does);
globalThis.document = { visibilityState: "visible" };
const sockets = [];
globalThis.WebSocket = class {
  static OPEN = 1;
  constructor() { this.readyState = 0; this.sent = []; sockets.push(this); }
  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.readyState = 3; }
  open() { this.readyState = 1; this.onopen?.(); }
  hear(event, data = {}, more = {}) {
    const message = { event, data, session_id: null, timestamp: 0, progress: null, token: null, ...more };
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  lose(code = 1006) { this.readyState = 3; this.onclose?.({ code, reason: "" }); }
};
// Time goes as it is told to.
let clock = 0, timers = [];
globalThis.setTimeout = (does, ms) => { const timer = { does, at: clock + ms }; timers.push(timer); return timer; };
globalThis.clearTimeout = (timer) => { timers = timers.filter((one) => one !== timer); };
const pass = (ms) => {
  const until = clock + ms;
  for (;;) {
    const next = timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
    if (!next) break;
    clock = next.at;
    clearTimeout(next);
    next.does();
  }
  clock = until;
};
console.error = () => {};
const { Live } = await import(process.argv[1]);
const live = new Live({ url: "ws://x/ws" });
const heard = { a: [], b: [] };
const S = { session_id: "s" };
const shown = (to, token) => ["snapshot", { of: to, tasks: [] }, { token }];
const passHearing = (ms) => { for (; ms > 0; ms -= 1000) { pass(1000); sockets.at(-1).hear("pong"); } };
const told = (task_id, token) => ["progress_update", { task_id }, { session_id: "s", token }];
"""

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the browser's module")


def play(script: str) -> Any:
    """What the script's `said` is at its end."""
    said = "process.stdout.write(JSON.stringify(said));"
    words = ["node", "--no-warnings", "--input-type=module", "-e", STAGE + script + said, "--", str(SCRIPT)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_handler_that_fails_stops_no_other_and_no_message() -> None:
    said = play("""
    live.subscribe(S, () => { throw new Error("mine"); });
    live.subscribe(S, (m) => heard.b.push(m.event));
    sockets[0].open();
    sockets[0].hear(...shown(S, "1"));
    sockets[0].hear(...told("t", "2"));
    sockets[0].lose();
    pass(1000);
    sockets[1].open();
    const said = [heard.b, sockets[1].sent];
    """)
    assert said == [
        ["snapshot", "progress_update"],
        [{"action": "subscribe", "to": [{"session_id": "s"}], "token": "2"}],
    ]


def test_who_subscribes_to_what_is_known_hears_nothing_before_its_snapshot_also_over_a_disconnect() -> None:
    said = play("""
    live.subscribe(S, (m) => heard.a.push(m.event));
    sockets[0].open();
    sockets[0].hear(...shown(S, "1"));
    live.subscribe(S, (m) => heard.b.push(m.event));
    sockets[0].hear(...told("t", "2"));
    sockets[0].lose();
    pass(1000);
    sockets[1].open();
    sockets[1].hear(...told("t", "3"));
    sockets[1].hear(...shown(S, "4"));
    sockets[1].hear(...told("t", "5"));
    const said = [heard.a, heard.b, sockets[1].sent];
    """)
    subscribe = {"action": "subscribe", "to": [{"session_id": "s"}]}
    assert said == [
        ["snapshot", "progress_update", "progress_update", "snapshot", "progress_update"],
        ["snapshot", "progress_update"],
        [subscribe | {"token": "2"}, subscribe],
    ]


def test_what_was_shown_without_a_token_after_it_is_shown_anew() -> None:
    """Only the last snapshot has one; with an older token some of what was shown would be told again."""
    said = play("""
    live.subscribe(S, () => {});
    sockets[0].open();
    sockets[0].hear(...shown(S, "1"));
    sockets[0].lose();
    live.subscribe({ task_id: "t" }, () => {});
    live.subscribe({ task_id: "u" }, () => {});
    sockets[1].open();
    sockets[1].hear(...shown({ task_id: "t" }, null));
    sockets[1].lose();
    pass(1000);
    sockets[2].open();
    const said = sockets[2].sent;
    """)
    assert said == [
        {"action": "subscribe", "to": [{"session_id": "s"}], "token": "1"},
        {"action": "subscribe", "to": [{"task_id": "t"}, {"task_id": "u"}]},
    ]


def test_a_connection_that_never_opens_or_fails_without_a_close_is_tried_again() -> None:
    said = play("""
    live.subscribe(S, () => {});
    pass(11000);
    sockets[1].onerror({});
    pass(1000);
    const said = sockets.length;
    """)
    assert said == 3


def test_after_a_sleep_a_silent_connection_is_given_up_within_seconds() -> None:
    said = play("""
    live.subscribe(S, () => {});
    sockets[0].open();
    sockets[0].hear(...shown(S, "1"));
    handlers_of_page.visibilitychange();
    const pinged = sockets[0].sent.at(-1).action;
    pass(3000);
    const waiting = live.state.state;
    pass(1000);
    const said = [pinged, waiting, sockets.length];
    """)
    assert said == ["ping", "connecting", 2]


def test_what_answers_after_a_sleep_stays() -> None:
    said = play("""
    live.subscribe(S, () => {});
    sockets[0].open();
    sockets[0].hear(...shown(S, "1"));
    handlers_of_page.online();
    sockets[0].hear("pong");
    pass(20000);
    const said = sockets.length;
    """)
    assert said == 1


def test_a_page_that_rests_connects_for_nothing_but_somebody_who_looks() -> None:
    said = play("""
    const seen = (state) => { document.visibilityState = state; handlers_of_page.visibilitychange(); };
    live.subscribe(S, () => {});
    sockets[0].open();
    sockets[0].hear(...shown(S, "1"));
    seen("hidden");
    passHearing(59000);
    const before = sockets[0].readyState;
    pass(1000);
    const after = sockets[0].readyState;
    live.subscribe({ task_id: "t" }, () => {});  // of a view that has loaded late
    handlers_of_page.online();
    passHearing(60000);
    const resting = sockets.length;
    seen("visible");
    sockets[1].open();
    const said = { before, after, resting, anew: sockets[1].sent };
    """)
    assert said == {
        "before": 1,
        "after": 3,
        "resting": 1,
        "anew": [
            {"action": "subscribe", "to": [{"session_id": "s"}], "token": "1"},
            {"action": "subscribe", "to": [{"task_id": "t"}]},
        ],
    }


def test_a_page_that_was_opened_in_the_background_rests_as_well() -> None:
    said = play("""
    document.visibilityState = "hidden";
    const behind = new Live({ url: "ws://x/ws" });
    behind.subscribe(S, () => {});
    sockets[0].open();
    sockets[0].hear(...shown(S, "1"));
    passHearing(60000);
    const said = sockets.map((socket) => socket.readyState);
    """)
    assert said == [3]


def test_an_access_that_is_over_is_said_and_not_tried_again_until_somebody_asks() -> None:
    said = play("""
    const reasons = [];
    live.onerror = (reason) => reasons.push(reason);
    live.subscribe(S, () => {});
    sockets[0].open();
    sockets[0].hear("closing", { code: 4401, reason: "The access token is over." });
    sockets[0].lose(4401);
    pass(60000);
    const before = sockets.length;
    live.subscribe({ task_id: "t" }, () => {});
    const said = [live.state.state, reasons, before, sockets.length];
    """)
    assert said == ["closed", ["The access token is over."], 1, 2]


def test_what_a_person_does_in_a_session_is_said_again_after_a_disconnect() -> None:
    said = play("""
    live.subscribe(S, () => {});
    live.present("s", "reading");
    live.present("o", "reading");
    sockets[0].open();
    live.present("s", "typing");
    live.present("o", null);
    sockets[0].lose();
    pass(1_000);
    sockets[1].open();
    const said = sockets.map((s) => s.sent.filter((m) => m.action === "presence").map((m) => [m.session_id, m.state]));
    """)
    assert said == [[["s", "reading"], ["o", "reading"], ["s", "typing"], ["o", None]], [["s", "typing"]]]


def test_the_reader_of_server_sent_events_in_the_docs_goes_on_where_it_was() -> None:
    docs = (SCRIPT.parents[2] / "docs" / "live.md").read_text()
    reader = docs[docs.index("async function* events") :].split("```")[0]
    said = play(
        reader
        + r"""
    globalThis.setTimeout = (does) => queueMicrotask(does);
    const asked = [];
    const answers = [
      ["retry: 1\n\n", 'id: A\ndata: {"event": "one", "to', 'ken": "A"}\n\n: ping\n\n', 'data: {"event": "two"}\n\n'],
      null,
      ['data: {"event": "three", "token": "B"}\n\n'],
    ];
    globalThis.fetch = async (address, { headers }) => {
      asked.push([headers.Authorization, headers["Last-Event-ID"]]);
      if (asked.length > answers.length) return { status: 401, ok: false };
      const pieces = answers[asked.length - 1];
      if (!pieces) throw new TypeError("the network is away");
      return { status: 200, ok: true, body: ReadableStream.from(pieces.map((one) => new TextEncoder().encode(one))) };
    };
    const names = [];
    for await (const message of events("/api/events?session_id=s", "key")) names.push(message.event);
    const said = [names, asked];
    """
    )
    assert said == [["one", "two", "three"], [["Bearer key", token] for token in ("", "A", "A", "B")]]


def test_where_something_is_due_each_second_a_silence_is_said_within_seconds_and_asked_about() -> None:
    said = play("""
    const states = [];
    live.subscribe({ fleet: true }, () => {});
    sockets[0].open();
    sockets[0].hear("welcome", { state: "live", since: 0 });
    sockets[0].hear(...shown({ fleet: true }, "1"));
    live.onstate = ({ state }) => states.push([clock, state]);
    pass(4_000);
    sockets[0].hear("board", {});
    pass(5_900);
    const asked = sockets[0].sent.at(-1).action;
    pass(1_100);
    sockets[0].hear("pong");
    pass(5_000);
    sockets[0].hear("pong");
    pass(16_000);
    const said = [asked, states, sockets.length];
    """)
    heard = [[4_000, "live"], [10_000, "silent"], [11_000, "silent"], [11_000, "live"]]
    given_up = [[16_000 + 5_000 + 1_000 * n, "silent"] for n in range(1, 10)]
    assert said[0] == "ping" and said[1][:4] == heard
    assert said[1][4:] == [*given_up, [31_000, "connecting"]] and said[2] == 2


def test_where_nothing_is_due_a_silence_is_no_fault_until_it_is_asked_about() -> None:
    said = play("""
    live.subscribe(S, () => {});
    sockets[0].open();
    sockets[0].hear("welcome", { state: "live", since: 0 });
    pass(25_900);
    const before = [live.state.state, sockets[0].sent.at(-1).action];
    pass(200);
    const said = [...before, live.state.state];
    """)
    assert said == ["live", "ping", "silent"]


def test_a_task_that_moves_is_seen_to_wait_for_the_other_agent() -> None:
    said = play("""
    const views = process.argv[1].replace("headway.js", "views/");
    const { Tasks } = await import(`${views}live-model.js`);
    const tasks = new Tasks();
    const who = { task_id: "t", tenant_id: "acme" };
    const hear = (event, data) =>
      tasks.hear({ event, session_id: "s", data: { ...who, ...data }, timestamp: 1, progress: null });
    const said = [];
    const look = () => said.push([...tasks.open.values()].map((task) => [task.state, task.agent_id]).flat());
    hear("task_queued", { agent_id: "writer", skill: null });
    hear("task_moved", { agent_id: "second", from_agent_id: "writer" });
    look();
    hear("task_started", { agent_id: "second", instance_id: "second-0", attempt: 1 });
    hear("task_moved", { agent_id: "third", from_agent_id: "second" });
    look();
    """)
    assert said == [["queued", "second"], ["running", "second"]]
