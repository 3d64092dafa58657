// The charts: the mean as a line, single orders as bars below it. Both over the same two minutes.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import type { Quote } from "./market.js";

/** How much is shown, in milliseconds. */
const SPAN_MS = 120_000;
/** How many quotes are kept. */
const KEPT_MAX = 600;

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** A colour of the style sheet, as it is in the present scheme. */
const colour = (name: string) => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(height: number, series: uPlot.Series, axis: uPlot.Axis, paths: Partial<uPlot.Scale>): uPlot.Options {
  const grid = { stroke: colour("--grid"), width: 1 };
  const font = "12px system-ui, sans-serif";
  return {
    width: 600,
    height,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: "market" }, y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { x: { time: true, range: (_, __, max) => [max - SPAN_MS / 1000, max] }, y: paths as uPlot.Scale },
    axes: [
      { stroke: colour("--quiet"), grid, ticks: { show: false }, font, space: 80, values: "{HH}:{mm}:{ss}", ...axis },
      { stroke: colour("--quiet"), grid, ticks: { show: false }, font, size: 56, space: 32, values: (_, values) => values.map((value) => number.format(value)) },
    ],
    series: [{}, series],
  };
}

export class Charts {
  readonly #root: HTMLElement;
  readonly #means: uPlot;
  readonly #orders: uPlot;
  quotes: Quote[] = [];
  #isStale = true;

  constructor(root: HTMLElement, means: HTMLElement, orders: HTMLElement, readonly pointed: HTMLElement) {
    this.#root = root;
    const line = { label: "mean", stroke: colour("--mean"), width: 2, points: { show: false } };
    this.#means = new uPlot(options(260, line, { show: false }, { range: (_, min, max) => padded(min, max) }), [[], []], means);
    const bars = {
      label: "order", stroke: colour("--order"), fill: colour("--order"), width: 0, points: { show: false },
      paths: uPlot.paths.bars!({ size: [0.6, 3], align: -1 }),
    };
    this.#orders = new uPlot(options(120, bars, { size: 28 }, { range: (_, __, max) => [0, Math.max(max, 1)] }), [[], []], orders);
    // Both are synchronised: one of them tells.
    (this.#means.hooks.setCursor ??= []).push(({ cursor }) => this.#point(cursor.idx));
    new ResizeObserver(() => this.#resize()).observe(root);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#each((chart) => chart.redraw()));
  }

  clear(): void {
    this.quotes = [];
    this.#isStale = true;
    this.draw();
  }

  add(quotes: readonly Quote[]): void {
    this.quotes = [...this.quotes, ...quotes].slice(-KEPT_MAX);
    this.#isStale = true;
  }

  /** What has come since the last frame. */
  draw(): void {
    if (!this.#isStale) {
      return;
    }
    this.#isStale = false;
    const at = this.quotes.map((quote) => quote.at / 1000);
    this.#means.setData([at, this.quotes.map(({ mean }) => mean)]);
    this.#orders.setData([at, this.quotes.map(({ parcels }) => parcels)]);
    const means = this.quotes.map(({ mean }) => mean);
    const text = means.length === 0
      ? "No orders yet"
      : `Two charts of ${means.length} orders: the mean goes from ${number.format(Math.min(...means))} to ${number.format(Math.max(...means))}, and is ${number.format(means.at(-1) as number)} now`;
    this.#root.setAttribute("aria-label", text);
  }

  /** What the pointer is over. */
  #point(index: number | null | undefined): void {
    const quote = this.quotes[index ?? -1];
    this.pointed.textContent = quote
      ? `${clock.format(quote.at)}: mean ${number.format(quote.mean)}, order of ${number.format(quote.parcels)} to ${quote.to}`
      : "";
  }

  #each(call: (chart: uPlot) => void): void {
    call(this.#means);
    call(this.#orders);
  }

  #resize(): void {
    const width = this.#root.clientWidth;
    if (width > 0) {
      this.#each((chart) => chart.setSize({ width, height: chart.height }));
    }
  }
}

/** Some air above and below, and no zoom into nothing. */
function padded(min: number, max: number): [number, number] {
  const air = Math.max((max - min) * 0.1, 50);
  return [Math.max(0, min - air), max + air];
}
