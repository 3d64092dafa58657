/** What `js/host.mjs` gives: the imports of a module, and the way into it. */
export interface Host {
  imports: {
    now(): number;
    hop(kind: number): void;
    alarm(milliseconds: number): void;
    random(): number;
    panicked(text: number, length: number, file: number, fileLength: number, line: number): void;
  };
  /** What the module has said of the panic that is under way. */
  panic(): { readonly text: string; readonly location: string } | undefined;
  attach(exports: WebAssembly.Exports): void;
  /** What the export returned; undefined if the module has panicked in it. Throws an `InstancePoisoned` from then on. */
  enter(name: string, ...values: number[]): number | undefined;
}

/** A module that has panicked; `cause` is its trap. */
export class InstancePoisoned extends Error {
  readonly panic: ReturnType<Host["panic"]>;
}

export function connect(trapped?: (error: InstancePoisoned) => void): Host;
