// The elements of the page, and what the tasks show in them.

import { Charts } from "./charts.js";
import type { Ledger, Link, Quote, View } from "./market.js";
import { element } from "./tree.js";

/** How many lines the log keeps. */
const LINES_MAX = 200;
/** What counts as now where orders go: 30 seconds. */
const RECENT = 120;
/** How many destinations are shown. */
const ROUTES = 6;

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });

export function find<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) {
    throw new Error(`the page has no element ${id}`);
  }
  return found as T;
}

export class Page implements View {
  readonly #charts = new Charts(find("charts"), find("means"), find("orders"), find("pointed"));
  readonly #link = find("link");
  readonly #log = find("log");
  #until = 0;
  #symbol = "";

  constructor(readonly choose: (symbol: string) => void) {
    // The wait is counted down where it is shown.
    setInterval(() => this.#countDown(), 100);
  }

  get cleanup(): number {
    return Number(find<HTMLSelectElement>("cleanup").value);
  }

  symbols(names: readonly string[]): void {
    const title = find("market-title");
    const choices = names.map((name) => {
      const input = element("input", "");
      Object.assign(input, { type: "radio", name: "symbol", value: name, onchange: () => this.#choose(name) });
      return element("label", "symbol", input, element("span", "", name));
    });
    find("symbols").replaceChildren(title, ...choices);
    const inputs = [...find("symbols").querySelectorAll("input")];
    const chosen = inputs.find(({ value }) => value === this.#symbol) ?? inputs[0];
    if (chosen) {
      chosen.checked = true;
      this.#choose(chosen.value);
    }
  }

  #choose(symbol: string): void {
    this.#symbol = symbol;
    this.choose(symbol);
  }

  /** The airport is being left: what is shown is not live any more. */
  leave(): void {
    find("charts").classList.add("left");
  }

  begin(symbol: string): void {
    find("charts").classList.remove("left");
    this.#charts.clear();
    find("routes").replaceChildren();
    find("mean").textContent = "–";
    find("change").textContent = "";
    this.log("shows", symbol);
  }

  quotes(quotes: readonly Quote[]): void {
    const before = this.#charts.quotes.at(-1)?.number;
    const [next] = quotes;
    if (before !== undefined && next !== undefined && next.number > before + 1) {
      this.log("missed", `${next.number - before - 1} orders`);
    }
    this.#charts.add(quotes);
    const all = this.#charts.quotes;
    const last = all.at(-1);
    if (last === undefined) {
      return;
    }
    find("mean").textContent = whole.format(last.mean);
    const then = all.at(-1 - RECENT * 2)?.mean ?? all[0]?.mean ?? last.mean;
    const change = then === 0 ? 0 : (last.mean / then - 1) * 100;
    const sign = change > 0 ? "▲" : change < 0 ? "▼" : "=";
    const text = find("change");
    text.textContent = `${sign} ${Math.abs(change).toFixed(1)} % in a minute · ${last.parcels} to ${last.to} just now`;
    text.dataset["sign"] = sign;
    document.documentElement.dataset["last"] = String(last.number);
  }

  link(link: Link): void {
    const isSame = this.#link.dataset["state"] === link.state;
    this.#link.dataset["state"] = link.state;
    switch (link.state) {
      case "live":
        this.#link.textContent = "live";
        break;
      case "connecting":
        this.#link.textContent = link.attempt > 1 ? `connecting, attempt ${link.attempt}` : "connecting";
        break;
      case "waiting":
        this.#until = performance.now() + link.milliseconds;
        this.#link.dataset["attempt"] = String(link.attempt);
        this.#countDown();
        this.log("server", `${link.why}; attempt ${link.attempt} in ${whole.format(link.milliseconds)} ms`);
        return;
    }
    if (!isSame) {
      this.log("server", link.state);
    }
  }

  #countDown(): void {
    const { state, attempt } = this.#link.dataset;
    if (state === "waiting") {
      const seconds = Math.max(0, this.#until - performance.now()) / 1000;
      this.#link.textContent = `no connection, attempt ${attempt} in ${seconds.toFixed(1)} s`;
    }
  }

  draw(): void {
    this.#charts.draw();
  }

  routes(): void {
    const sums = new Map<string, number>();
    for (const { to, parcels } of this.#charts.quotes.slice(-RECENT)) {
      sums.set(to, (sums.get(to) ?? 0) + parcels);
    }
    const top = [...sums].sort((a, b) => b[1] - a[1]).slice(0, ROUTES);
    const most = top[0]?.[1] ?? 1;
    find("routes").replaceChildren(...top.map(([to, parcels]) => {
      const bar = element("span", "bar");
      bar.style.width = `${(parcels / most) * 100}%`;
      bar.ariaHidden = "true";
      return element("li", "", element("span", "name", to), element("span", "track", bar), element("span", "number", whole.format(parcels)));
    }));
  }

  ledger(ledger: Ledger | undefined): void {
    find("ledger-state").textContent = ledger ? "" : "does not answer";
    if (!ledger) {
      return;
    }
    const rows: [string, number][] = [
      ["feeds open", ledger.feeds - ledger.farewells],
      ["feeds ended", ledger.farewells],
      ["requests answered", ledger.answered],
      ["connections taken", ledger.connections],
    ];
    find("ledger").replaceChildren(
      ...rows.map(([name, value]) => element("div", "", element("dt", "", name), element("dd", "", whole.format(value)))));
  }

  /** Nothing runs: the state of the connection is that. */
  stopped(): void {
    this.#link.dataset["state"] = "stopped";
    this.#link.textContent = "stopped";
    find("ledger-state").textContent = "not asked any more";
    this.leave();
  }

  log(what: string, text: string): void {
    const line = element("li", "", element("time", "", clock.format(new Date())), " ", element("b", "", what), ` ${text}`);
    line.dataset["what"] = what;
    this.#log.prepend(line);
    while (this.#log.children.length > LINES_MAX) {
      this.#log.lastElementChild?.remove();
    }
  }
}
