// Contexts that tell what becomes of their tasks and scopes: the live tree of the page, and what the recorder writes.
//
// Owns the bookkeeping around the contexts of browser-core, which decide everything; what is here only watches.

import {
  createRuntime, type CancelInfo, type CancelReport, type CancelRequest, type Cx as CoreCx, CancelledError, type Outcome,
  type Runtime as CoreRuntime, type Scope as CoreScope, type Task as CoreTask,
} from "@asupersync/browser-core";

/** Where a task or scope is on its way. One that is not cancelled goes from `running` to `finalizing` or `ended`. */
export type Phase = "running" | "requested" | "draining" | "finalizing" | "ended";

/** A task or scope. */
export interface Node {
  readonly id: number;
  readonly name: string;
  readonly kind: "scope" | "task";
  readonly parent: Node | undefined;
  readonly children: Set<Node>;
  phase: Phase;
  /** When it entered each phase, in milliseconds of `performance.now()`. */
  readonly times: Partial<Record<Phase, number>>;
  reason: CancelInfo | undefined;
  outcome: Outcome<unknown>["kind"] | undefined;
  /** A scope whose function has returned: it waits for what is in it, and hears of no cancel. */
  hasReturned: boolean;
}

export type Listener = (node: Node) => void;

/** What lives now, and who is told of changes. */
export class Tracing {
  readonly #roots = new Set<Node>();
  readonly #listeners = new Set<Listener>();
  #count = 0;

  /** The scopes without a parent; the rest is below them. */
  snapshot(): readonly Node[] {
    return [...this.#roots];
  }

  /** Calls `listener` with each node that enters a phase, until what it returns is called. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  begin(kind: Node["kind"], name: string, parent: Node | undefined): Node {
    const node: Node = {
      id: (this.#count += 1), name, kind, parent, children: new Set(), phase: "running", times: {}, reason: undefined, outcome: undefined, hasReturned: false,
    };
    (parent?.children ?? this.#roots).add(node);
    this.#enter(node, "running");
    return node;
  }

  /** Looks when the node is asked to stop. */
  watch(node: Node, cx: CoreCx): void {
    const { signal } = cx;
    const asked = () => {
      const { reason } = signal as { reason: unknown };
      node.reason = reason instanceof CancelledError ? reason.reason : node.reason;
      this.#enter(node, "draining");
    };
    signal.aborted ? asked() : signal.addEventListener("abort", asked, { once: true });
  }

  /** Somebody has asked the node, and so everything below it, to stop. */
  requested(node: Node): void {
    if (node.phase === "running") {
      this.#enter(node, "requested");
      if (node.hasReturned) {
        this.#enter(node, "draining");
      }
    }
    node.children.forEach((child) => this.requested(child));
  }

  finalizing(node: Node): void {
    if (node.phase !== "finalizing") {
      this.#enter(node, "finalizing");
    }
  }

  ended(node: Node, outcome: Outcome<unknown>): void {
    node.outcome = outcome.kind;
    node.reason = outcome.kind === "cancelled" ? outcome.reason : node.reason;
    (node.parent?.children ?? this.#roots).delete(node);
    this.#enter(node, "ended");
  }

  #enter(node: Node, phase: Phase): void {
    node.phase = phase;
    node.times[phase] = performance.now();
    this.#listeners.forEach((listener) => listener(node));
  }
}

type Call<C, T> = (cx: C) => T | PromiseLike<T>;

/** The context of a task. */
export class Cx {
  constructor(protected readonly tracing: Tracing, protected readonly core: CoreCx, protected readonly node: Node) {}

  get signal(): AbortSignal {
    return this.core.signal;
  }

  sleep(milliseconds: number): Promise<void> {
    return this.core.sleep(milliseconds);
  }

  defer(cleanup: (cx: CoreCx) => unknown): void {
    this.core.defer((cx) => {
      this.tracing.finalizing(this.node);
      return cleanup(cx);
    });
  }

  scope<T>(label: string, call: Call<Scope, T>): Promise<T> {
    return openScope(this.tracing, label, this.node, call, (run) => this.core.scope(label, run));
  }
}

/** The context of a scope. */
export class Scope extends Cx {
  declare protected readonly core: CoreScope;

  spawn<T>(name: string, call: Call<Cx, T>): Task<T> {
    const node = this.tracing.begin("task", name, this.node);
    const task = this.core.spawn(name, (cx) => {
      this.tracing.watch(node, cx);
      return call(new Cx(this.tracing, cx, node));
    });
    task.outcome.then((outcome) => this.tracing.ended(node, outcome));
    return new Task(this.tracing, task, node);
  }

  cancel(request: CancelRequest): Promise<CancelReport<unknown>> {
    this.tracing.requested(this.node);
    return this.core.cancel(request);
  }
}

export class Task<T> {
  constructor(readonly tracing: Tracing, readonly core: CoreTask<T>, readonly node: Node) {}

  cancel(request: CancelRequest): Promise<CancelReport<T>> {
    this.tracing.requested(this.node);
    return this.core.cancel(request);
  }
}

/** A runtime with a tree to look at. */
export class Runtime {
  readonly tracing = new Tracing();
  readonly #core: CoreRuntime = createRuntime();

  scope<T>(label: string, call: Call<Scope, T>): Promise<T> {
    return openScope(this.tracing, label, undefined, call, (run) => this.#core.scope(label, run));
  }
}

async function openScope<T>(
  tracing: Tracing, label: string, parent: Node | undefined, call: Call<Scope, T>, open: (run: Call<CoreScope, T>) => Promise<T>,
): Promise<T> {
  const node = tracing.begin("scope", label, parent);
  try {
    const value = await open(async (core) => {
      tracing.watch(node, core);
      try {
        return await call(new Scope(tracing, core, node));
      } finally {
        node.hasReturned = true;
      }
    });
    tracing.ended(node, { kind: "ok", value });
    return value;
  } catch (error) {
    tracing.ended(node, error instanceof CancelledError ? { kind: "cancelled", reason: error.reason } : { kind: "err", error });
    throw error;
  }
}
