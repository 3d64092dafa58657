// The recorder: what happened in the tree, as Chrome trace event JSON, which ui.perfetto.dev opens.

import type { Node, Phase, Tracing } from "./traced.js";

/** A line of the trace event format; times are microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly ph: "B" | "E" | "i" | "M";
  readonly pid: 1;
  readonly tid: number;
  readonly ts?: number;
  readonly s?: "t" | "p";
  readonly args?: object;
}

/** The most that is kept; what comes later is counted. */
const EVENTS_MAX = 100_000;

export class Recorder {
  readonly #tracing: Tracing;
  readonly #events: TraceEvent[] = [];
  readonly #begun = performance.now();
  readonly #stop: () => void;
  #lost = 0;

  /** Starts with what lives now. */
  constructor(tracing: Tracing) {
    this.#tracing = tracing;
    const all = (nodes: Iterable<Node>) => {
      for (const node of nodes) {
        this.#enter(node);
        all(node.children);
      }
    };
    all(tracing.snapshot());
    this.#stop = tracing.subscribe((node) => this.#enter(node));
  }

  get count(): number {
    return this.#events.length;
  }

  /** Something that happened outside the tree. */
  note(name: string, args: object = {}): void {
    this.#push({ name, ph: "i", pid: 1, tid: 0, ts: this.#now(), s: "p", args });
  }

  /** Ends the record; gives it as JSON. */
  finish(): string {
    this.#stop();
    const close = (nodes: Iterable<Node>) => {
      for (const node of nodes) {
        close(node.children);
        this.#push({ name: node.phase, ph: "E", pid: 1, tid: node.id, ts: this.#now() });
        this.#push({ name: node.name, ph: "E", pid: 1, tid: node.id, ts: this.#now() });
      }
    };
    close(this.#tracing.snapshot());
    const otherData = { program: "asupersync dashboard", agent: navigator.userAgent, lost: this.#lost };
    return JSON.stringify({ traceEvents: this.#events, displayTimeUnit: "ms", otherData });
  }

  #now(): number {
    return Math.round((performance.now() - this.#begun) * 1000);
  }

  #push(event: TraceEvent): void {
    if (this.#events.length < EVENTS_MAX) {
      this.#events.push(event);
    } else {
      this.#lost += 1;
    }
  }

  /** A track for each task or scope: around all its name, inside it its phases. */
  #enter(node: Node): void {
    const { id: tid, phase, reason } = node;
    const ts = this.#now();
    const isNew = !this.#known.has(tid);
    if (isNew) {
      this.#known.set(tid, phase);
      const name = `${node.kind} ${path(node)}`;
      this.#push({ name: "thread_name", ph: "M", pid: 1, tid, args: { name } });
      this.#push({ name: "thread_sort_index", ph: "M", pid: 1, tid, args: { sort_index: tid } });
      this.#push({ name: node.name, ph: "B", pid: 1, tid, ts, args: { kind: node.kind } });
    } else {
      this.#push({ name: this.#known.get(tid) ?? "", ph: "E", pid: 1, tid, ts });
      this.#known.set(tid, phase);
    }
    if (phase === "ended") {
      this.#push({ name: node.name, ph: "E", pid: 1, tid, ts, args: { outcome: node.outcome, ...(reason && { reason }) } });
    } else {
      this.#push({ name: phase, ph: "B", pid: 1, tid, ts, ...(reason && { args: { reason } }) });
    }
  }

  /** The phase that each track is in. */
  readonly #known = new Map<number, Phase>();
}

function path(node: Node): string {
  return node.parent ? `${path(node.parent)}/${node.name}` : node.name;
}
