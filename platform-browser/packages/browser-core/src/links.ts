// Signals from outside: one listener each, however many scopes listen.

const links = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls `call` when the signal is aborted, at once if it is; returns a function that lets go of it. */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  if (signal.aborted) {
    call();
    return () => {};
  }
  let calls = links.get(signal);
  if (!calls) {
    const own = (calls = new Set());
    links.set(signal, own);
    signal.addEventListener("abort", () => own.forEach((one) => one()), { once: true });
  }
  calls.add(call);
  return () => void calls.delete(call);
}
