// The page: one runtime, one scope around everything, and the buttons.

import { createRuntime, type Outcome, type ScopeHandle } from "@asupersync/browser-core";

import { dashboard, follow } from "./market.js";
import { Nodes } from "./nodes.js";
import { Recorder } from "./record.js";
import { Drain, ending, Tree } from "./tree.js";
import { find, Page } from "./view.js";
import "./style.css";

const rt = createRuntime();
const nodes = new Nodes(rt.tracing);
const page = new Page((symbol) => {
  if (scope?.state === "open") {
    page.leave();
    void follow(scope, page, symbol).outcome.then(failed);
  }
});
const [recordButton, cancelButton, startButton] = ["record", "cancel", "start"].map((id) => find<HTMLButtonElement>(id)) as
  [HTMLButtonElement, HTMLButtonElement, HTMLButtonElement];
let recorder: Recorder | undefined;
let scope: ScopeHandle | undefined;

new Tree(find("tree"), find("nothing"), nodes);
new Drain(find<HTMLTableElement>("drain"), find("drain-total"), find("drain-reason"), nodes, (ended, milliseconds) => {
  const reason = ended.find((node) => node.reason)?.reason;
  page.log("drained", `${ended.length} in ${milliseconds.toFixed(0)} ms; ${reason?.origin ?? ""}: ${reason?.message ?? ""}`);
});
nodes.subscribe((node) => {
  if (node.phase === "requested" && (node.parent?.phase ?? "running") === "running") {
    page.log("cancel", `${node.name}: ${node.reason?.origin ?? ""}`);
  }
  if (node.phase === "ended") {
    page.log("ended", `${node.name}: ${ending(node)}`);
  }
});

function failed(outcome: Outcome<void>): void {
  if (outcome.kind === "err") {
    page.log("failed", String(outcome.error));
    console.error(outcome.error);
  }
}

async function run(): Promise<void> {
  startButton.hidden = true;
  cancelButton.disabled = false;
  scope = rt.createScope("dashboard");
  dashboard(scope, page);
  failed(await scope.outcome);
  page.stopped();
  cancelButton.disabled = true;
  startButton.hidden = false;
}

cancelButton.onclick = () => {
  cancelButton.disabled = true;
  void scope?.cancel({ kind: "user", message: "cancel everything was pressed" });
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
    const download = "dashboard.trace.json";
    Object.assign(link, { href: URL.createObjectURL(blob), download, textContent: download, id: "trace" });
    line.replaceChildren(`${recorder.count} events: `, link, ", for ui.perfetto.dev");
    link.click();
    recorder = undefined;
  }
  recordButton.ariaPressed = String(recorder !== undefined);
  recordButton.textContent = recorder ? "Stop recording" : "Record";
};

void run();
