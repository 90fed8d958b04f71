/** What the fleet view knows: lists that are asked for again and again while somebody looks, and what is told live. */

import { get } from "../api.js";
import { withPool } from "./agents-said.js";
import { looking } from "./experiments-looking.js";

const MOVING_MS = 1000; // a host empties: whoever waits for that wants to see it
const HOSTS_MS = 5000;
const AGENTS_MS = 15_000; // definitions and wishes change seldom; the load of pools comes by itself
const SCALING_MS = 30_000; // as often as the autoscaler looks
const SCHEDULES_MS = 5000;
const ORCHESTRATORS_MS = 3000;
const DECISIONS = 200;

/** One list: what was told last and when, and what went wrong since. `every(told)`: when to ask again. */
class Source {
  constructor(load, every, onchange) {
    Object.assign(this, { load, every, onchange, told: null, at: null, failed: null });
  }

  /** Asks from now on, at once. */
  start() {
    if (this.end) return;
    this.end = looking(async (holds) => {
      try {
        const told = await this.load();
        if (holds()) Object.assign(this, { told, at: Date.now() * 1000, failed: null });
      } catch (error) {
        if (holds()) this.failed = error;
      }
      this.onchange();
      return this.every(this.told);
    }, 0);
  }

  again() {
    return this.end ? this.end.now() : this.start();
  }

  stop() {
    this.end?.();
    this.end = null;
  }
}

export class Sources {
  constructor(onchange) {
    this.onchange = onchange;
    const often = (ms) => () => ms;
    const moves = (told) => told?.hosts.some(({ state }) => state === "draining" || state === "stopping");
    const source = (load, every) => new Source(load, every, onchange);
    this.by = {
      hosts: source(() => get("/api/hosts"), (told) => (moves(told) ? MOVING_MS : HOSTS_MS)),
      agents: source(() => get("/api/agents"), often(AGENTS_MS)),
      scaling: source(() => get(`/api/fleet/decisions?limit=${DECISIONS}`), often(SCALING_MS)),
      schedules: source(() => get("/api/schedules"), often(SCHEDULES_MS)),
      orchestrators: source(() => get("/api/orchestrators"), often(ORCHESTRATORS_MS)),
    };
    this.pools = new Map();
    this.workers = new Map();
    this.most = new Map(); // by host: what it had in hand when it was seen to drain first
  }

  /** What the live connection tells of the fleet. */
  hear({ event, data }) {
    if (event === "snapshot") {
      this.pools = new Map(data.pools.map((pool) => [pool.agent_id, pool]));
      this.#hearBoard(data.board);
      for (const one of Object.values(this.by)) if (one.end && one.failed) one.again(); // the gateway is back
    } else if (event === "pool") this.pools.set(data.agent_id, data);
    else if (event === "board") this.#hearBoard(data);
    else return;
    this.onchange();
  }

  #hearBoard(board) {
    for (const worker of board?.workers ?? []) this.workers.set(worker.host_id, worker);
  }

  /** Hosts as they were told, with what is newer of them. */
  get hosts() {
    const told = this.by.hosts.told?.hosts ?? [];
    for (const { host_id: id, state, running } of told) {
      if (state !== "draining") this.most.delete(id);
      else this.most.set(id, Math.max(running, this.most.get(id) ?? 0));
    }
    return told.map((host) => {
      const { instances, running, heard_at } = this.workers.get(host.host_id) ?? {};
      return heard_at > host.heard_at ? { ...host, instances, running, heard_at } : host;
    });
  }

  get zones() {
    return this.by.hosts.told?.zones ?? [];
  }

  /** Agents with their pools' newest state. */
  get agents() {
    return (this.by.agents.told?.agents ?? []).map((agent) => {
      const pool = this.pools.get(agent.agent_id);
      return pool ? { ...withPool(agent, pool), ill: pool.ill ?? [] } : { ...agent, ill: [] };
    });
  }

  stop() {
    for (const one of Object.values(this.by)) one.stop();
  }
}
