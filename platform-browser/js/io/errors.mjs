// What can go wrong with what the host does for us; codes that stay. The table is in `packages/browser/README.md`.

/** An error of an operation of the host: `code` for programs, the message, with a next step, for people. */
export class IoError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = "IoError";
    this.code = code;
  }
}

/** `globalThis[name]`, or an error that says it is not here. Looked up at each use: nothing is touched by an import. */
export function surface(name) {
  const found = globalThis[name];
  if (typeof found !== "function") {
    throw new IoError("unsupported_runtime_context", `this host has no ${name}; run in a page, a worker or a newer node`);
  }
  return found;
}

/** An argument that is refused before anything is done. */
export function invalid(message, options) {
  return new IoError("invalid_argument", message, options);
}

/** A number of an option, if it is one from `least` on. */
export function count(value, least, name) {
  if (typeof value !== "number" || !(value >= least)) {
    throw invalid(`${name} takes a number, ${least} or more; found ${String(value)}`);
  }
  return value;
}
