// What can go wrong, with codes that stay.

/** A code of `RuntimeError`; see the table in the README. */
export type ErrorCode =
  | "AbiMismatch"
  | "AtCapacity"
  | "Cancelled"
  | "ChannelClosed"
  | "InstancePoisoned"
  | "InvalidArgument"
  | "ModuleUnavailable"
  | "Panicked"
  | "PermitSpent"
  | "ProfileMismatch"
  | "RuntimeClosed"
  | "ScopeClosed"
  | "StaleHandle"
  | "TaskEnded"
  | "WasmUnavailable"
  | "capability_not_granted";

/** The kind of a request to stop, from the weakest to the strongest. */
export type CancelKind =
  | "user"
  | "timeout"
  | "scope-done"
  | "fail-fast"
  | "race-lost"
  | "parent-cancelled"
  | "shutdown"
  | "poisoned";

/** Why something was asked to stop. */
export interface CancelInfo {
  readonly kind: CancelKind;
  /** The kind that was passed to `cancel` where it all began; else the kind of the first request. */
  readonly origin: string;
  /** What was said there. */
  readonly message: string;
}

/** An error of the runtime: `code` for programs, the message, with a next step, for people. */
export class RuntimeError extends Error {
  override readonly name: string = "RuntimeError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What a task is thrown when it is asked to stop; its name is `AbortError`, as that of aborted platform calls. */
export class CancelledError extends RuntimeError {
  override readonly name = "AbortError";
  readonly reason: CancelInfo;

  constructor(reason: CancelInfo) {
    const from = reason.origin === reason.kind ? "" : ` (${reason.origin})`;
    super("Cancelled", `cancelled: ${reason.kind}${from}: ${reason.message}; clean up and end, by \`finally\` or \`cx.defer\``);
    this.reason = reason;
  }
}

const told = new WeakMap<CancelInfo, CancelledError>();

/** The error of a reason. One for all that are told it: each has a stack to be made, and none of them says more. */
export function cancelledBy(reason: CancelInfo): CancelledError {
  const error = told.get(reason) ?? new CancelledError(reason);
  told.set(reason, error);
  return error;
}

/** An argument that is not what it should be. */
export function invalid(what: string, found: unknown): RuntimeError {
  const given = typeof found === "number" || typeof found === "string" ? JSON.stringify(found) ?? String(found) : typeof found;
  return new RuntimeError("InvalidArgument", `${what}; found ${typeof found === "number" ? String(found) : given}`);
}

const REFUSALS: Record<number, [ErrorCode, string]> = {
  [-1]: ["StaleHandle", "this task or scope has ended, or is of another runtime; use it only until its outcome is there"],
  [-2]: ["ScopeClosed", "the scope takes nothing in any more: its function has returned, or it was cancelled; spawn earlier, or into another scope"],
  [-3]: ["AtCapacity", "the runtime holds as many tasks as it may; wait for some to end, or raise `capacity`"],
  [-4]: ["StaleHandle", "this is a task, and only a scope takes tasks in; open one with `cx.scope`"],
  [-5]: ["RuntimeClosed", "the runtime is closed; make another with `createRuntime`"],
};

/** The error for a negative answer of the module. */
export function refusal(answer: number): RuntimeError {
  const [code, message] = REFUSALS[answer] ?? ["Panicked", `the module answered ${answer}; please report it`];
  return new RuntimeError(code, message);
}

const KINDS: readonly CancelKind[] = [
  "user", "timeout", "scope-done", "fail-fast", "race-lost", "parent-cancelled", "shutdown", "poisoned",
];

/** The reason that was told last; a request goes to many. */
let last: { readonly kind: number; readonly cause: number; readonly text: string; readonly reason: CancelInfo } | undefined;

/** A reason in the numbers and the text of the module. */
export function cancelInfo(kind: number, cause: number, text: string): CancelInfo {
  if (last?.kind === kind && last.cause === cause && last.text === text) {
    return last.reason;
  }
  const first = KINDS[cause - 1] ?? "user";
  // What `cancel` wrote: its kind, then its message.
  const split = first === "user" ? text.indexOf(": ") : -1;
  const reason: CancelInfo = {
    kind: KINDS[kind - 1] ?? "user",
    origin: split < 0 ? first : text.slice(0, split),
    message: split < 0 ? text : text.slice(split + 2),
  };
  last = { kind, cause, text, reason };
  return reason;
}
