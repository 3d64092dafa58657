// The live tree, and the last cancel: who was asked to stop, and how long each took on its way to its end.

import type { Node, Nodes, Phase } from "./nodes.js";

/** How long an ended task stays in the tree, in milliseconds. */
const LINGER_MS = 900;

/** Each phase has a sign besides its colour. */
const SIGNS: Record<Phase, string> = { running: "●", requested: "◔", draining: "◑", finalizing: "◕", ended: "○" };

const PHASES: readonly Phase[] = ["requested", "draining", "finalizing"];

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K, className: string, ...children: (string | globalThis.Node)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

/** How a task ended, in a word or two. */
export function ending(node: Node): string {
  return node.reason && node.outcome === "cancelled" ? `cancelled: ${node.reason.origin}` : (node.outcome ?? "");
}

/** The tree as nested lists. */
export class Tree {
  readonly #rows = new Map<number, { item: HTMLElement; sign: HTMLElement; state: HTMLElement; below: HTMLElement }>();

  constructor(readonly root: HTMLElement, readonly nothing: HTMLElement, nodes: Nodes) {
    nodes.subscribe((node) => this.#show(node));
  }

  #show(node: Node): void {
    const row = this.#rows.get(node.id) ?? this.#add(node);
    row.item.dataset["phase"] = node.phase;
    row.sign.textContent = SIGNS[node.phase];
    row.state.textContent = node.phase === "ended" ? ending(node) : node.phase;
    if (node.phase === "ended") {
      setTimeout(() => {
        row.item.remove();
        this.#rows.delete(node.id);
        this.#tell();
      }, LINGER_MS);
    }
    this.#tell();
  }

  #tell(): void {
    this.nothing.hidden = this.#rows.size > 0;
  }

  #add(node: Node) {
    const sign = element("span", "sign");
    sign.ariaHidden = "true";
    const state = element("span", "state");
    const below = element("ul", "");
    const item = element("li", node.type, element("span", "row", sign, " ", element("span", "name", node.name), " ", state), below);
    const row = { item, sign, state, below };
    this.#rows.set(node.id, row);
    const above = node.parent && this.#rows.get(node.parent.id);
    (above?.below ?? this.root).append(item);
    return row;
  }
}

/** The last cancel as a table with a bar for each. */
export class Drain {
  #nodes: Node[] = [];
  #begin = 0;
  #now = 0;

  constructor(
    readonly table: HTMLTableElement, readonly total: HTMLElement, readonly reason: HTMLElement, nodes: Nodes,
    readonly done: (nodes: readonly Node[], milliseconds: number) => void,
  ) {
    nodes.subscribe((node) => this.#see(node));
  }

  #see(node: Node): void {
    this.#now = node.times[node.phase] ?? this.#now;
    if (node.phase === "requested" || node.phase === "draining") {
      if (this.#nodes.every(({ phase }) => phase === "ended")) {
        this.#nodes = [];
        this.#begin = this.#now;
      }
      if (!this.#nodes.includes(node)) {
        this.#nodes.push(node);
      }
    }
    if (this.#nodes.includes(node)) {
      this.#show();
      if (this.#nodes.every(({ phase }) => phase === "ended")) {
        this.done(this.#nodes, this.#now - this.#begin);
      }
    }
  }

  #show(): void {
    const first = this.#nodes.find(({ reason }) => reason)?.reason;
    this.reason.textContent = first ? `${first.origin}: ${first.message}` : "asked to stop";
    this.table.hidden = false;
    const until = (node: Node) => node.times.ended ?? this.#now;
    const whole = Math.max(...this.#nodes.map(until)) - this.#begin;
    const open = this.#nodes.filter(({ phase }) => phase !== "ended").length;
    this.total.textContent = open > 0 ? `${open} of ${this.#nodes.length} not ended yet` : `${this.#nodes.length} ended in ${whole.toFixed(0)} ms`;
    this.table.tBodies[0]?.replaceChildren(...this.#nodes.map((node) => this.#row(node, whole)));
  }

  #row(node: Node, whole: number): HTMLElement {
    const bar = element("span", "bar");
    const steps = PHASES.filter((phase) => node.times[phase] !== undefined);
    bar.ariaHidden = "true";
    steps.forEach((phase, index) => {
      const from = node.times[phase] as number;
      const next = steps[index + 1];
      const to = (next && node.times[next]) ?? node.times.ended ?? this.#now;
      const part = element("span", "part");
      part.dataset["phase"] = phase;
      part.style.left = `${((from - this.#begin) / Math.max(whole, 1)) * 100}%`;
      part.style.width = `${((to - from) / Math.max(whole, 1)) * 100}%`;
      bar.append(part);
    });
    const way = [...steps, ...(node.phase === "ended" ? ["ended"] : [])].join(", then ");
    const time = (node.times.ended ?? this.#now) - this.#begin;
    const name = element("th", "", node.name);
    name.scope = "row";
    const how = element("td", "", bar, element("span", "words", node.phase === "ended" ? ending(node) : node.phase));
    how.title = way;
    const row = element("tr", "", name, how, element("td", "number", `${time.toFixed(0)} ms`));
    row.dataset["phase"] = node.phase;
    return row;
  }
}
