// Uses the dashboard as a person would, in each engine, against the real server. Exit code 1 if something is not as it should be.
//
//   node tests/browser/dashboard.mjs FOLDER SERVER PAGE ENGINE...
//
// FOLDER takes pictures and records; SERVER is the demo's server, PAGE the folder of the built page.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { launch } from "./webdriver.mjs";

/** How long something may take to show, in milliseconds: a busy machine lets a page wait for seconds. */
const PATIENCE_MS = 60_000;
/** How often the page is looked at, in milliseconds. */
const LOOK_MS = 50;

const [folder, program, page, ...engines] = process.argv.slice(2);
if (engines.length === 0) {
  console.error("usage: node dashboard.mjs FOLDER SERVER PAGE ENGINE...");
  process.exit(2);
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A process of the server. */
class Server {
  static async start(at = "127.0.0.1:0") {
    const server = new Server();
    server.process = spawn(program, ["serve", "--at", at, "--page", page], { stdio: ["ignore", "pipe", "inherit"] });
    server.lines = createInterface({ input: server.process.stdout })[Symbol.asyncIterator]();
    const { value = "" } = await server.lines.next();
    server.at = value.replace("listening ", "");
    return server;
  }

  /** Its ledger, once it has drained; it must balance. */
  async end() {
    const exit = once(this.process, "exit");
    this.process.kill("SIGTERM");
    const { value: line } = await this.lines.next();
    const [code] = await exit;
    assert.equal(code, 0, `the server accounts for everything: ${line}`);
    return Object.fromEntries(line.split(" ").slice(1).map((word) => word.split("=")).map(([name, count]) => [name, Number(count)]));
  }
}

/** A page in a browser, as its reader sees it. */
class Reader {
  constructor(browser) {
    this.browser = browser;
  }

  look(script) {
    return this.browser.evaluate(`return ${script}`);
  }

  /** Looks until it holds. */
  async see(what, script) {
    const until = performance.now() + PATIENCE_MS;
    while (!(await this.look(script))) {
      if (performance.now() > until) {
        const log = await this.look(`document.getElementById("log").textContent`);
        throw new Error(`not seen: ${what}; the log says: ${log}`);
      }
      await pause(LOOK_MS);
    }
  }

  click(selector) {
    return this.browser.evaluate(`document.querySelector(arguments[0]).click()`, selector);
  }

  /** The log, oldest line first, as [what, text]. */
  log() {
    return this.look(
      `[...document.querySelectorAll("#log li")].reverse().map((line) => [line.dataset.what, line.lastChild.textContent.trim()])`);
  }

  async picture(name) {
    const file = join(folder, `${name}.png`);
    writeFileSync(file, await this.browser.picture());
    return file;
  }
}

const LAST = "Number(document.documentElement.dataset.last)";
const EMPTY = `document.querySelectorAll("#tree li").length === 0 && !document.getElementById("nothing").hidden`;
const LINK = (state) => `document.getElementById("link").dataset.state === "${state}"`;

async function historyArrives(reader) {
  await reader.see("two minutes of history", `/of (4[789]\\d|5\\d\\d) orders/.test(document.getElementById("charts").ariaLabel)`);
  await reader.see("a live feed", LINK("live"));
}

async function feedTicks(reader) {
  const first = await reader.look(LAST);
  await reader.see("four more orders", `${LAST} >= ${first + 4}`);
}

/** What is left has ended, all of it, before the next one is shown. */
async function switchDrains(reader) {
  await reader.click(`#symbols input[value="ORD"]`);
  await reader.see("the other airport", `document.querySelector("#log li[data-what=shows]").textContent.endsWith("ORD")`);
  const log = (await reader.log()).map((line) => line.join(" "));
  const at = (line) => {
    const index = log.indexOf(line);
    assert.notEqual(index, -1, `the log has "${line}": ${log.join("; ")}`);
    return index;
  };
  const [asked, shown] = [at("cancel airport: superseded"), at("shows ORD")];
  for (const name of ["chart", "routes", "socket", "connection 1", "feed", "ATL", "airport"]) {
    const ended = at(`ended ${name}: cancelled: superseded`);
    assert.ok(asked < ended && ended < shown, `${name} ends after the request, and before the next airport: ${log.join("; ")}`);
  }
  assert.ok(at("ended feed: cancelled: superseded") < at("ended ATL: cancelled: superseded"), "inner ones end first");
  await feedTicks(reader);
}

/** The server goes, and comes back. */
async function restartIsSurvived(reader, server) {
  const ledger = await server.end();
  await reader.see("that the server is away", LINK("waiting"));
  await reader.see("attempts", `Number(document.getElementById("link").dataset.attempt) >= 3`);
  const next = await Server.start(server.at);
  await reader.see("a live feed again", LINK("live"));
  await feedTicks(reader);
  const missed = (await reader.log()).filter(([what]) => what === "missed" || what === "failed");
  assert.deepEqual(missed, [], "nothing is missed, nothing fails");
  assert.equal(ledger.feeds, 2, "one feed for each airport");
  return next;
}

/** The record holds the drain, step by step, and what has ended in it ends once. */
async function recordHolds(reader, name) {
  await reader.click("#record");
  await reader.see("the record", `document.getElementById("trace") !== null`);
  const text = await reader.look(`fetch(document.getElementById("trace").href).then((answer) => answer.text())`);
  writeFileSync(join(folder, `${name}.trace.json`), text);
  const { traceEvents } = JSON.parse(text);
  const spanOf = (who) => {
    const { id } = traceEvents.find(({ ph, name }) => ph === "b" && name === who);
    return traceEvents.filter((event) => event.id === id);
  };
  for (const who of ["ATL", "feed", "socket", "chart", "routes"]) {
    assert.equal(spanOf(who).at(-1).ph, "e", `the record has the end of ${who}`);
  }
  const steps = spanOf("chart").filter(({ ph }) => ph === "n").map(({ name }) => name);
  assert.deepEqual(steps, ["cancel-requested", "draining", "closing", "finalizing"].filter((step) => steps.includes(step)), "in order");
  assert.ok(steps.includes("draining") && steps.includes("finalizing"), `the steps of chart: ${steps}`);
  return traceEvents.length;
}

/** Everything is asked to stop, and everything ends, each in its steps. */
async function everythingEnds(reader, name) {
  await reader.browser.evaluate(`document.getElementById("cleanup").value = "1500"`);
  await reader.click("#cancel");
  await reader.see("a clean-up", `document.querySelector("#tree li[data-phase=finalizing]") !== null`);
  await reader.picture(`${name}-drains`);
  await reader.see("an empty tree", EMPTY);
  const rows = await reader.look(
    `[...document.querySelectorAll("#drain tbody tr")].map((row) => [row.cells[0].textContent, row.dataset.phase, row.cells[1].title])`);
  for (const who of ["dashboard", "ledger", "airport", "ORD", "feed", "chart", "routes", "socket"]) {
    const row = rows.find(([name]) => name === who);
    assert.equal(row?.[1], "ended", `${who} has ended: ${JSON.stringify(rows)}`);
  }
  const chart = rows.find(([who]) => who === "chart");
  assert.equal(chart[2], "requested, then draining, then finalizing, then ended", "the steps of a task with a clean-up");
}

/** The page lives again, with the airport that it had, and ends again. */
async function startsAgain(reader) {
  await reader.browser.evaluate(`document.getElementById("cleanup").value = "0"`);
  await reader.click("#start");
  await reader.see("a live feed", LINK("live"));
  await reader.see("the same airport", `document.querySelector("#log li[data-what=shows]").textContent.endsWith("ORD")`);
  await feedTicks(reader);
  await reader.click("#cancel");
  await reader.see("an empty tree", EMPTY);
}

async function use(engine) {
  const name = `dashboard-${engine}`;
  let server = await Server.start();
  const browser = await launch(engine);
  const reader = new Reader(browser);
  try {
    await browser.resize(1320, 980);
    await browser.open(`http://${server.at}/`);
    await historyArrives(reader);
    await feedTicks(reader);
    await reader.click("#record");
    await switchDrains(reader);
    const events = await recordHolds(reader, name);
    server = await restartIsSurvived(reader, server);
    await reader.picture(name);
    await everythingEnds(reader, name);
    await startsAgain(reader);
    const seen = await (await fetch(`http://${server.at}/ledger`)).json();
    assert.equal(seen.feeds, seen.farewells, "no feed is open at the server");
    const ledger = await server.end();
    assert.deepEqual([ledger.open, ledger.cut, ledger.leaked], [0, 0, 0], "the server has nothing left");
    console.log(
      `${engine} (${browser.version}): history, feed, switch, restart, cancel; ${events} events recorded; ` +
      `the server: ${ledger.accepted} requests, ${ledger.feeds} feeds, ${ledger.farewells} ended, 0 open`);
  } catch (error) {
    console.log(`${name}: FAILED: ${error.message}`);
    console.log(`${name}: the page is in ${await reader.picture(`${name}-failed`).catch((error) => error.message)}`);
    process.exitCode = 1;
    server.process.kill("SIGKILL");
  } finally {
    await browser.close();
  }
}

for (const engine of engines) {
  await use(engine);
}
