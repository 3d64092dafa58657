// Runtimes whose tasks may use the host.

import { createRuntime as createCore, type Runtime, type RuntimeOptions as CoreOptions } from "@asupersync/browser-core";

import { CAPABILITIES, capabilities, type Capability } from "./capabilities.js";
import { invalid } from "./io/errors.mjs";
import { Ledger } from "./io/ledger.mjs";

/** How a runtime is made. */
export interface RuntimeOptions extends Omit<CoreOptions, "io"> {
  /**
   * What its tasks may use. If not said: all; in `deterministic` mode, whose time does not wait for the host, nothing.
   */
  readonly io?: readonly Capability[];
}

/** What a runtime has had done by its host, in numbers. */
export interface IoCounts {
  readonly opened: number;
  readonly closed: number;
  /** Answers that came after their operation was given up; nobody got them. */
  readonly late: number;
  /** Given up before the host's last word. */
  readonly abandoned: number;
}

const ledgers = new WeakMap<Runtime, Ledger>();

/** A runtime of its own, which may use the host. `close` ends it, and everything that is open. */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  const { io = options.mode === "deterministic" ? [] : CAPABILITIES, ...rest } = options;
  if (!Array.isArray(io)) {
    throw invalid(`io takes a list of ${CAPABILITIES.join(", ")}`);
  }
  const ledger = new Ledger();
  const rt = createCore({ ...rest, io: capabilities(ledger, io) });
  ledgers.set(rt, ledger);
  return rt;
}

/** Runs `call` with a runtime that is closed when it has settled. */
export async function withRuntime<T>(options: RuntimeOptions, call: (rt: Runtime) => T | PromiseLike<T>): Promise<T> {
  if (typeof call !== "function") {
    throw invalid("withRuntime takes a function");
  }
  const rt = createRuntime(options);
  try {
    return await call(rt);
  } finally {
    await rt.close();
  }
}

/** What a runtime of this package has had done by its host; of another, undefined. */
export function ioCounts(rt: Runtime): IoCounts | undefined {
  const ledger = ledgers.get(rt);
  if (ledger) {
    const { opened, closed, late, abandoned } = ledger;
    return { opened, closed, late, abandoned };
  }
  return undefined;
}
