import { inlined } from "./inline.js";
import { closedAfter, runtimeOf, type Runtime, type RuntimeOptions } from "./runtime.js";

export * from "./api.js";

/** A runtime of its own. `close` ends it. */
export function createRuntime(options?: RuntimeOptions): Runtime {
  return runtimeOf(inlined, options);
}

/** Runs `call` with a runtime that is closed when it has settled. */
export async function withRuntime<T>(options: RuntimeOptions, call: (rt: Runtime) => T | PromiseLike<T>): Promise<T> {
  return closedAfter(() => createRuntime(options), call);
}
