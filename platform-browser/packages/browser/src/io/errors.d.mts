/** A code of `IoError`; see the table in the README. */
export type IoErrorCode =
  | "closed"
  | "connect_timeout"
  | "connection_failed"
  | "connection_lost"
  | "interrupted"
  | "invalid_argument"
  | "invalid_close_code"
  | "not_cloneable"
  | "queue_overflow"
  | "unsupported_runtime_context";

/** An error of an operation of the host: `code` for programs, the message, with a next step, for people. */
export class IoError extends Error {
  readonly name: "IoError";
  readonly code: IoErrorCode;
  /** Of `connection_lost`, as the peer gave it. */
  readonly closeCode?: number;
  readonly closeReason?: string;
}

export function invalid(message: string): IoError;
