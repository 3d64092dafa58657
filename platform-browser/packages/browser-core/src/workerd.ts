// The entry for hosts at the edge: they compile modules when they are deployed, and no bytes afterwards.

import { checked } from "./load.js";
import MODULE from "./module.wasm?module";
import { closedAfter, runtimeOf, type Runtime, type RuntimeOptions } from "./runtime.js";

export * from "./api.js";

/** A runtime of its own. `close` ends it. */
export function createRuntime(options?: RuntimeOptions): Runtime {
  return runtimeOf(() => checked(MODULE), options);
}

/** Runs `call` with a runtime that is closed when it has settled. */
export async function withRuntime<T>(options: RuntimeOptions, call: (rt: Runtime) => T | PromiseLike<T>): Promise<T> {
  return closedAfter(() => createRuntime(options), call);
}
