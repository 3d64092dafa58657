// The page: one runtime, one scope around everything, and the buttons.

import { CancelledError } from "@asupersync/browser-core";

import { dashboard, Wish } from "./market.js";
import { Recorder } from "./record.js";
import { Runtime, type Scope } from "./traced.js";
import { Drain, ending, Tree } from "./tree.js";
import { find, Page } from "./view.js";
import "./style.css";

const rt = new Runtime();
const wish = new Wish();
const page = new Page((symbol) => {
  page.leave();
  recorder?.note("choose", { symbol });
  wish.set(symbol);
});
const [recordButton, cancelButton, startButton] = ["record", "cancel", "start"].map((id) => find<HTMLButtonElement>(id)) as
  [HTMLButtonElement, HTMLButtonElement, HTMLButtonElement];
let recorder: Recorder | undefined;
let open: Scope | undefined;

new Tree(find("tree"), find("nothing"), rt.tracing);
new Drain(find<HTMLTableElement>("drain"), find("drain-total"), find("drain-reason"), rt.tracing, (nodes, milliseconds) => {
  const reason = nodes.find((node) => node.reason)?.reason;
  page.log("drained", `${nodes.length} in ${milliseconds.toFixed(0)} ms; ${reason?.origin ?? ""}: ${reason?.message ?? ""}`);
});
rt.tracing.subscribe((node) => {
  if (node.phase === "requested" && (node.parent?.phase ?? "running") === "running") {
    page.log("cancel", node.name);
  }
  if (node.phase === "ended") {
    page.log("ended", `${node.name}: ${ending(node)}`);
  }
});

async function run(): Promise<void> {
  startButton.hidden = true;
  cancelButton.disabled = false;
  try {
    await rt.scope("dashboard", (scope) => {
      open = scope;
      return dashboard(scope, page, wish);
    });
  } catch (error) {
    if (!(error instanceof CancelledError)) {
      page.log("failed", String(error));
      console.error(error);
    }
  }
  page.stopped();
  cancelButton.disabled = true;
  startButton.hidden = false;
}

cancelButton.onclick = () => {
  cancelButton.disabled = true;
  recorder?.note("cancel everything");
  void open?.cancel({ kind: "user", message: "cancel everything was pressed" });
};
startButton.onclick = () => void run();

recordButton.onclick = () => {
  const line = find("recording");
  line.hidden = false;
  if (recorder === undefined) {
    recorder = new Recorder(rt.tracing);
    line.textContent = "Recording …";
  } else {
    const blob = new Blob([recorder.finish()], { type: "application/json" });
    const link = document.createElement("a");
    Object.assign(link, { href: URL.createObjectURL(blob), download: "dashboard.trace.json", textContent: "dashboard.trace.json", id: "trace" });
    line.replaceChildren(`${recorder.count} events: `, link, ", for ui.perfetto.dev");
    link.click();
    recorder = undefined;
  }
  recordButton.ariaPressed = String(recorder !== undefined);
  recordButton.textContent = recorder ? "Stop recording" : "Record";
};

void run();
