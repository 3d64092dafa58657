/** What `js/host.mjs` gives: the imports of a module, and the way into it. */
export interface Host {
  imports: {
    now(): number;
    hop(kind: number): void;
    alarm(milliseconds: number): void;
    random(): number;
  };
  attach(exports: WebAssembly.Exports): void;
  /** What the export returned; undefined once the module has panicked. */
  enter(name: string, ...values: number[]): number | undefined;
}

export function connect(trapped?: (error: unknown) => void): Host;
