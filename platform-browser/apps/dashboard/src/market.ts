// What the page does, as tasks: follows an airport, tries again when the server is away, and leaves in order.
//
// Owns the tree. How things look is the view's affair.

import type { Cx, Scope, Task } from "@asupersync/browser-core";

import { frame, get, socket } from "./io.js";

/** An order: from the airport that is followed. */
export interface Quote {
  readonly number: number;
  /** When, in milliseconds since 1970. */
  readonly at: number;
  readonly to: string;
  readonly parcels: number;
  /** The mean of the last 32 orders. */
  readonly mean: number;
}

/** What the server says of itself. */
export interface Ledger {
  readonly accepted: number;
  readonly answered: number;
  readonly open: number;
  readonly connections: number;
  readonly feeds: number;
  readonly farewells: number;
}

/** How the feed is. */
export type Link =
  | { readonly state: "connecting"; readonly attempt: number }
  | { readonly state: "live" }
  | { readonly state: "waiting"; readonly attempt: number; readonly milliseconds: number; readonly why: string };

/** What the tasks show. */
export interface View {
  /** How long each clean-up takes on purpose, in milliseconds, so that it can be watched. */
  readonly cleanup: number;
  symbols(names: readonly string[]): void;
  /** The airport that is followed from now on. */
  begin(symbol: string): void;
  /** What came; no number comes twice. */
  quotes(quotes: readonly Quote[]): void;
  link(link: Link): void;
  /** A frame of the charts. */
  draw(): void;
  /** Where the orders go, counted again. */
  routes(): void;
  /** Undefined: the server does not answer. */
  ledger(ledger: Ledger | undefined): void;
}

/** How much history is asked for: two minutes. */
const HISTORY = 480;
/** The first wait before another attempt, and the longest, in milliseconds. */
const [WAIT_MIN, WAIT_MAX] = [250, 4000];

/** What does not depend on the airport: what is traded, and how the server is. */
export function dashboard(scope: Scope, view: View): void {
  scope.spawn("ledger", (cx) => watchLedger(cx, view));
  scope.spawn("symbols", (cx) =>
    persist(cx, view, async () => view.symbols(JSON.parse(await get(cx, "symbols")) as string[])));
}

/** Follows an airport, in place of the one that was followed before: that one ends first, all of it. */
export function follow(scope: Scope, view: View, symbol: string): Task<void> {
  return scope.latest("airport", (cx) => {
    view.begin(symbol);
    return cx.scope(symbol, (live) => {
      live.spawn("feed", (own) => feed(own, view, symbol));
      live.spawn("chart", async (own) => {
        tidyUp(own, view);
        for (;;) {
          await frame(own);
          view.draw();
        }
      });
      live.spawn("routes", async (own) => {
        tidyUp(own, view);
        for (;;) {
          await own.sleep(1000);
          view.routes();
        }
      });
    });
  });
}

/** Gets what has been missed, then what comes; both again after the connection was lost. */
async function feed(cx: Cx, view: View, symbol: string): Promise<void> {
  tidyUp(cx, view);
  let last: number | undefined;
  const take = (text: string) => {
    const quotes = text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Quote);
    const fresh = quotes.filter(({ number }) => last === undefined || number > last);
    last = fresh.at(-1)?.number ?? last;
    view.quotes(fresh);
  };
  let connections = 0;
  await persist(cx, view, (worked) =>
    cx.scope(`connection ${(connections += 1)}`, async (connection) => {
      const after = last === undefined ? "" : `&after=${last}`;
      take(await get(connection, `history?symbol=${symbol}&limit=${HISTORY}${after}`));
      connection.spawn("socket", async (own) => {
        tidyUp(own, view);
        for await (const text of socket(own, `feed?symbol=${symbol}&after=${last}`)) {
          worked();
          take(text);
        }
        throw new Error("the server has closed the feed");
      });
    }));
}

/** Calls until it goes well, with growing pauses; `worked` says that it went well for a while. */
async function persist(cx: Cx, view: View, call: (worked: () => void) => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      view.link({ state: "connecting", attempt });
      return await call(() => {
        attempt = 0;
        view.link({ state: "live" });
      });
    } catch (error) {
      if (cx.signal.aborted) {
        throw error;
      }
      // Between half of it and all: pages that lost the same server do not come back together.
      const milliseconds = Math.min(WAIT_MIN * 2 ** attempt, WAIT_MAX) * (0.5 + Math.random() / 2);
      view.link({ state: "waiting", attempt: attempt + 1, milliseconds, why: error instanceof Error ? error.message : String(error) });
      await cx.sleep(milliseconds);
    }
  }
}

/** What the server says of itself, once a second; while it is away the last thing that it said stands. */
async function watchLedger(cx: Cx, view: View): Promise<never> {
  for (;;) {
    const text = await get(cx, "ledger").catch((error: unknown) => {
      if (cx.signal.aborted) {
        throw error;
      }
    });
    view.ledger(text === undefined ? undefined : (JSON.parse(text) as Ledger));
    await cx.sleep(1000);
  }
}

/** A clean-up that takes as long as the person at the page wants to watch it. */
function tidyUp(cx: Cx, view: View): void {
  cx.defer((own) => own.sleep(view.cleanup));
}
