// What happens to scopes and tasks: a bounded record of it, the tree of those that live, and the record for Perfetto.

import { checkFunction, checkOptions, checkWhole } from "./check.js";
import { BACKGROUND, SCOPE, type Entry, type Siblings } from "./entry.js";
import { invalid, type CancelInfo } from "./errors.js";
import type { Kernel, Outcome, Step } from "./kernel.js";

/** Whether what happens is kept. */
export interface TraceOptions {
  /** Off if not said. */
  readonly enabled?: boolean;
  /** How many events are kept, the newest; 10,000 if not said. */
  readonly capacity?: number;
}

export type TraceType = "scope" | "task" | "background";

/** Something that happened to a scope or a task. */
export interface TraceEvent {
  /** Milliseconds: of `performance.now`, or of virtual time. */
  readonly at: number;
  readonly step: Step;
  /** No other scope or task of the runtime ever has it. */
  readonly id: number;
  /** The scope or task around it; 0 for none. */
  readonly parent: number;
  readonly type: TraceType;
  readonly name: string;
  /** Why it was asked to stop, from then on. */
  readonly reason?: CancelInfo;
  /** How it ended, with the last event. */
  readonly outcome?: Outcome<unknown>["kind"];
}

/** A scope or task that lives, and those in it. */
export interface TraceNode {
  readonly id: number;
  readonly type: TraceType;
  readonly name: string;
  /** `queued` before its function is called; `closing`: that has returned, and what it spawned runs on. */
  readonly state: "queued" | "running" | "closing" | "draining" | "finalizing";
  readonly reason?: CancelInfo;
  readonly children: readonly TraceNode[];
}

const typeOf = (entry: Entry): TraceType =>
  entry.kind === SCOPE ? "scope" : entry.kind === BACKGROUND ? "background" : "task";

const because = (entry: Entry) => entry.cancelled && { reason: entry.cancelled.reason };

function stateOf(entry: Entry): TraceNode["state"] {
  if (entry.finalizer) {
    return "finalizing";
  }
  if (entry.cancelled) {
    return "draining";
  }
  return entry.run ? "queued" : entry.isSettled || entry.isEnded ? "closing" : "running";
}

/** Deep trees must not end the stack, so the way is kept in a list. */
function nodes(roots: Siblings): TraceNode[] {
  const found: TraceNode[] = [];
  const open: [Siblings, TraceNode[]][] = [[roots, found]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [siblings, into] = next;
    for (let entry = siblings.first; entry; entry = entry.after) {
      const children: TraceNode[] = [];
      into.push({ id: entry.id, type: typeOf(entry), name: entry.name, state: stateOf(entry), ...because(entry), children });
      open.push([entry.children, children]);
    }
  }
  return found;
}

/** What happens in a runtime: `rt.tracing`. */
export class TraceApi {
  #kernel: Kernel;
  readonly #capacity: number;
  readonly #isEnabled: boolean;
  readonly #listeners = new Set<(event: TraceEvent) => void>();
  /** A ring: the oldest event is at `#next` once it is full. */
  #ring: TraceEvent[] = [];
  #next = 0;
  #lost = 0;

  /** @internal */
  constructor(kernel: Kernel, options: TraceOptions) {
    checkOptions(options, ["enabled", "capacity"], "the options of a trace");
    const { enabled = false, capacity = 10_000 } = options;
    if (typeof enabled !== "boolean") {
      throw invalid("enabled is true or false", enabled);
    }
    this.#capacity = checkWhole(capacity, 1, 1 << 24, "the capacity of a trace");
    this.#kernel = kernel;
    this.#isEnabled = enabled;
    this.#observe();
  }

  /** @internal The runtime goes on with another instance. */
  follow(kernel: Kernel): void {
    this.#kernel = kernel;
    this.#observe();
  }

  /** Who asks for nothing pays for nothing. */
  #observe(): void {
    const isWanted = this.#isEnabled || this.#listeners.size > 0;
    this.#kernel.observer = isWanted ? (step, entry) => this.#note(step, entry) : undefined;
  }

  #note(step: Step, entry: Entry): void {
    const event: TraceEvent = {
      at: this.#kernel.now(),
      step,
      id: entry.id,
      parent: entry.parent?.id ?? 0,
      type: typeOf(entry),
      name: entry.name,
      ...because(entry),
      ...(step === "ended" && entry.ending && { outcome: entry.ending.kind }),
    };
    if (this.#isEnabled) {
      this.#lost += this.#ring.length === this.#capacity ? 1 : 0;
      this.#ring[this.#next] = event;
      this.#next = (this.#next + 1) % this.#capacity;
    }
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        // An error of who looks on is not the program's.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** Calls `listener` with each event from now on, also if nothing is kept. Returns a function that ends it. */
  subscribe(listener: (event: TraceEvent) => void): () => void {
    checkFunction(listener, "subscribe");
    // A function of its own, so that who subscribes twice is called twice.
    const own = (event: TraceEvent) => listener(event);
    this.#listeners.add(own);
    this.#observe();
    return () => {
      this.#listeners.delete(own);
      this.#observe();
    };
  }

  /** The events that are kept, oldest first. */
  events(): TraceEvent[] {
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
  }

  /** How many events were too old to be kept. */
  get lost(): number {
    return this.#lost;
  }

  /** The scopes and tasks that live, as a tree; it needs no `trace`. */
  snapshot(): TraceNode[] {
    return nodes(this.#kernel.roots);
  }
}

/** A trace in the format of Chrome and Perfetto: give its JSON to ui.perfetto.dev. */
export interface ChromeTrace {
  readonly displayTimeUnit: "ms";
  readonly traceEvents: readonly object[];
}

/** Events as spans: one for each scope and task, with its steps as marks. */
export function chromeTrace(events: readonly TraceEvent[]): ChromeTrace {
  const begun = new Set<number>();
  const traceEvents: object[] = [];
  for (const { at, step, id, parent, type, name, reason, outcome } of events) {
    const common = { cat: type, id: `0x${id.toString(16)}`, ts: at * 1000, pid: 1, tid: 1 };
    const args = { parent: `0x${parent.toString(16)}`, ...reason, ...(outcome && { outcome }) };
    if (!begun.has(id)) {
      // The first event that is kept begins the span, if the very first is not.
      begun.add(id);
      traceEvents.push({ ...common, ph: "b", name, args });
    }
    if (step === "ended") {
      traceEvents.push({ ...common, ph: "e", name, args });
    } else if (step !== "opened" && step !== "spawned") {
      traceEvents.push({ ...common, ph: "n", name: step, args });
    }
  }
  return { displayTimeUnit: "ms", traceEvents };
}
