// The scopes and tasks of the runtime, followed from event to event: in which phase each is, and since when.

import type { CancelInfo, Outcome, TraceApi, TraceEvent } from "@asupersync/browser-core";

/** Where a scope or task is on its way. One that is not cancelled goes from `running` to `finalizing` or `ended`. */
export type Phase = "running" | "requested" | "draining" | "finalizing" | "ended";

/** A scope or task. */
export interface Node {
  readonly id: number;
  readonly name: string;
  readonly type: TraceEvent["type"];
  /** The one around it; undefined for none. */
  readonly parent: Node | undefined;
  phase: Phase;
  /** When it entered each phase, in the runtime's milliseconds. */
  readonly times: Partial<Record<Phase, number>>;
  reason: CancelInfo | undefined;
  outcome: Outcome<unknown>["kind"] | undefined;
  /** Its function has returned: it waits for what is in it. */
  hasReturned: boolean;
}

export class Nodes {
  readonly #live = new Map<number, Node>();
  readonly #listeners: ((node: Node) => void)[] = [];

  constructor(tracing: TraceApi) {
    tracing.subscribe((event) => this.#take(event));
  }

  /** Calls `listener` with each node that has entered a phase. */
  subscribe(listener: (node: Node) => void): void {
    this.#listeners.push(listener);
  }

  #take({ at, step, id, parent, type, name, reason, outcome }: TraceEvent): void {
    let node = this.#live.get(id);
    if (node === undefined) {
      node = {
        id, name, type, parent: this.#live.get(parent), phase: "running", times: {}, reason, outcome, hasReturned: false,
      };
      this.#live.set(id, node);
    }
    node.reason = reason ?? node.reason;
    node.outcome = outcome;
    switch (step) {
      case "opened":
      case "spawned":
        this.#enter(node, "running", at);
        break;
      case "cancel-requested":
        this.#enter(node, "requested", at);
        this.#reach(node, at);
        break;
      case "closing":
        node.hasReturned = true;
        break;
      case "ended":
        this.#live.delete(id);
        this.#enter(node, "ended", at);
        break;
      default:
        this.#enter(node, step, at);
    }
  }

  /** Scopes whose function has returned are not told: they are asked to stop with what is around them, and drain at once. */
  #reach(asked: Node, at: number): void {
    for (const node of this.#live.values()) {
      if (node.parent === asked && node.hasReturned && node.phase === "running") {
        node.reason = asked.reason;
        this.#enter(node, "requested", at);
        this.#enter(node, "draining", at);
        this.#reach(node, at);
      }
    }
  }

  #enter(node: Node, phase: Phase, at: number): void {
    if (node.phase === phase && node.times[phase] !== undefined) {
      return;
    }
    node.phase = phase;
    node.times[phase] = at;
    this.#listeners.forEach((listener) => listener(node));
  }
}
