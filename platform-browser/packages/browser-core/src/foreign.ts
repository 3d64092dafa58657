// Values that are not ours: errors and reasons of user code, which may throw when they are looked at.

/** `value instanceof type`, also of a proxy that throws. */
export function isA<T>(value: unknown, type: abstract new (...values: never[]) => T): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/** Platform calls that were given the signal reject with its reason, or, in WebKit, with an `AbortError` of their own. */
export function isAbort(error: unknown): boolean {
  return typeof DOMException === "function" && isA(error, DOMException) && error.name === "AbortError";
}

/** What a reason to stop says. */
export function textOf(why: unknown): string {
  try {
    const text: unknown = isA(why, Error) ? why.message : String(why);
    return typeof text === "string" ? text : typeof text;
  } catch {
    return "a reason that cannot be read";
  }
}
