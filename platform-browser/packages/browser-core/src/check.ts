// Arguments that programs pass, looked at before anything happens.

import { invalid } from "./errors.js";

const WORD = /^[a-z][a-z0-9-]{0,39}$/;
/** The most of a message that is kept. */
const MESSAGE_MAX = 200;

/** Milliseconds. */
export function checkTime(milliseconds: unknown, what: string): number {
  if (typeof milliseconds !== "number" || !(milliseconds >= 0)) {
    throw invalid(`${what} takes milliseconds, a number that is not negative`, milliseconds);
  }
  return milliseconds;
}

export function checkNumber(value: unknown, least: number, most: number, what: string): number {
  if (typeof value !== "number" || !(value >= least && value <= most)) {
    throw invalid(`${what} is a number from ${least} to ${most}`, value);
  }
  return value;
}

export function checkWhole(value: unknown, least: number, most: number, what: string): number {
  if (!Number.isInteger(value)) {
    throw invalid(`${what} is a whole number from ${least} to ${most}`, value);
  }
  return checkNumber(value, least, most, what);
}

export function checkName(name: unknown, what: string): void {
  if (typeof name !== "string") {
    throw invalid(`${what} takes a name for people first, a string`, name);
  }
}

export function checkFunction(call: unknown, what: string): void {
  if (typeof call !== "function") {
    throw invalid(`${what} takes a function, best an async one`, call);
  }
}

export function checkCall(name: unknown, call: unknown, what: string): void {
  checkName(name, what);
  checkFunction(call, what);
}

export function checkCalls(calls: unknown, what: string): void {
  if (!Array.isArray(calls)) {
    throw invalid(`${what} takes an array of functions`, calls);
  }
  calls.forEach((call) => checkFunction(call, what));
}

/** An object with no other keys than these; a misspelled option is told, not ignored. */
export function checkOptions(options: unknown, keys: readonly string[], what: string): void {
  if (typeof options !== "object" || options === null) {
    throw invalid(`${what} are an object`, options);
  }
  const stranger = Object.keys(options).find((key) => !keys.includes(key));
  if (stranger !== undefined) {
    throw invalid(`${what} are ${keys.map((key) => `\`${key}\``).join(", ")}, and no others`, stranger);
  }
}

export function checkSignal(signal: unknown): void {
  if (signal !== undefined && typeof (signal as AbortSignal | null)?.addEventListener !== "function") {
    throw invalid("signal takes an AbortSignal", signal);
  }
}

/** A kind and a message of a request to stop, as the module takes them. */
export function checkRequest(request: { kind?: unknown; message?: unknown }): string {
  checkOptions(request, ["kind", "message"], "the parts of a request to stop");
  const { kind = "user", message = "" } = request;
  if (typeof kind !== "string" || !WORD.test(kind)) {
    throw invalid("the kind of a cancel is a short word like `superseded`", kind);
  }
  if (typeof message !== "string") {
    throw invalid("the message of a cancel is a string", message);
  }
  return `${kind}: ${message.slice(0, MESSAGE_MAX)}`;
}
