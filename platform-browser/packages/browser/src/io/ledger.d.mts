/** What is open for one runtime; see `js/io/ledger.mjs`. */
export class Ledger {
  readonly size: number;
  readonly opened: number;
  readonly closed: number;
  readonly late: number;
  readonly abandoned: number;
  /** Takes in operations, again if it had ended. */
  begin(): void;
  end(cause: unknown): Promise<void>;
}
