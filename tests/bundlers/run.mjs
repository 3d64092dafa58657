// Installs the packed packages into fresh projects, builds them with each bundler, and runs what was built.
//
//   node tests/bundlers/run.mjs FOLDER TARBALL...
//
// FOLDER is for the projects. Bundles for node run in this node, pages in Chromium, those with a policy in all three engines.
// Exit code 1 if one fails.

import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename, extname, join, resolve } from "node:path";

import { ENGINE_NAMES, launch } from "../browser/webdriver.mjs";

const EXPECTED = "cleaned up, cancelled, 42";
/** How long a page or a server may take, in milliseconds. */
const PATIENCE_MS = 60_000;
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

const [target, ...tarballs] = process.argv.slice(2).map((path) => resolve(path));
const here = import.meta.dirname;
const bundlers = join(target, "project");
const next = join(target, "next");
let failed = 0;
/** Those that were started, by their name. */
const browsers = new Map();

/** A fresh project: its lock file decides what is installed, then come the packages. */
function project(folder, source, extra = []) {
  rmSync(folder, { recursive: true, force: true });
  const isCopied = (file) => file === source || !["node_modules", "next", "run.mjs"].includes(basename(file));
  cpSync(source, folder, { recursive: true, filter: isCopied });
  extra.forEach(([from, to]) => cpSync(from, join(folder, to)));
  command(folder, "npm", "ci", "--silent", "--no-audit", "--no-fund");
  command(folder, "npm", "install", "--silent", "--no-save", "--no-audit", "--no-fund", ...tarballs);
}

/** Runs a program and gives what it has printed. */
function command(cwd, program, ...words) {
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1" };
  const { status, stdout, stderr, error } = spawnSync(program, words, { cwd, env, encoding: "utf8" });
  if (status !== 0) {
    throw new Error(`${program} ${words.join(" ")}: ${error ?? stdout + stderr}`);
  }
  return stdout.trim();
}

/** One line of the report; `call` gives the text that should be `expected`. */
async function check(name, call, expected = EXPECTED) {
  const began = performance.now();
  let found;
  try {
    found = await call();
  } catch (error) {
    found = error.stack;
  }
  const isRight = typeof expected === "string" ? found === expected : expected.test(found);
  failed += isRight ? 0 : 1;
  const time = `${((performance.now() - began) / 1000).toFixed(1)} s`;
  console.log(isRight ? `ok      ${name} (${time})` : `FAILED  ${name} (${time}): ${found}`);
}

/** What a page shows, with a policy if one is given. */
async function shown(folder, page, policy, engine = "chromium") {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    try {
      const text = readFileSync(join(folder, pathname));
      const type = TYPES[extname(pathname)] ?? "text/plain";
      response.writeHead(200, { "content-type": type, ...(policy && { "content-security-policy": policy }) }).end(text);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  try {
    return await looked(`http://127.0.0.1:${server.address().port}/${page}`, engine);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** What stands in the page's result, once something does. */
async function looked(url, engine = "chromium") {
  const browser = browsers.get(engine) ?? (await launch(engine));
  browsers.set(engine, browser);
  await browser.open(url);
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const text = await browser.evaluate("return document.getElementById('result')?.textContent");
    if (text || performance.now() > until) {
      return text || "the page shows nothing";
    }
    await new Promise((done) => setTimeout(done, 50));
  }
}

async function closeAll() {
  for (const [engine, browser] of browsers) {
    browsers.delete(engine);
    await browser.close();
  }
}

/** A page around a script. */
function page(folder, script) {
  const text = `<!doctype html><meta charset="utf-8"><output id="result"></output><script type="module" src="${script}"></script>`;
  writeFileSync(join(folder, script.replace(".js", ".html")), text);
}

async function node() {
  const run = (file) => command(bundlers, process.execPath, `src/${file}`);
  await check("node, ESM", () => run("node.mjs"));
  await check("node, CommonJS", () => run("node.cjs"));
}

async function esbuild() {
  const out = join(bundlers, "out/esbuild");
  const bundle = (entry, ...words) => {
    const options = ["--bundle", "--minify", "--format=esm", "--loader:.wasm=file", ...words];
    command(bundlers, "npx", "--no", "esbuild", `src/${entry}.mjs`, ...options, `--outfile=out/esbuild/${entry}.js`);
    page(out, `${entry}.js`);
  };
  await check("esbuild, node", () => {
    bundle("node", "--platform=node");
    return command(bundlers, process.execPath, "out/esbuild/node.js");
  });
  await check("esbuild, page", () => {
    bundle("page");
    return shown(out, "page.html");
  });
  await check("esbuild, page, slim", () => {
    bundle("slim-file");
    return shown(out, "slim-file.html");
  });
}

/** Pages that may not compile, or only by an exception, in each engine. */
async function policies() {
  const out = join(bundlers, "out/esbuild");
  const refused = /^WasmUnavailable: .*'wasm-unsafe-eval'/;
  for (const engine of ENGINE_NAMES) {
    // One at a time: each takes much of a small machine.
    await closeAll();
    const under = (page, policy) => () => shown(out, page, policy, engine);
    await check(`${engine}, a policy with wasm-unsafe-eval`, under("page.html", "script-src 'self' 'wasm-unsafe-eval'"));
    await check(`${engine}, a policy without it`, under("page.html", "script-src 'self'"), refused);
    await check(`${engine}, a policy without it, slim`, under("slim-file.html", "script-src 'self'"), refused);
  }
}

async function vite() {
  const out = join(bundlers, "out/vite");
  await check("vite, page", () => {
    command(bundlers, "npx", "--no", "vite", "build");
    return shown(out, "vite.html");
  });
  await check("vite, page, slim", () => shown(out, "vite-slim.html"));
}

async function webpack() {
  const out = join(bundlers, "out/webpack");
  await check("webpack, page", () => {
    command(bundlers, process.execPath, "webpack.mjs");
    page(out, "page.js");
    return shown(out, "page.html");
  });
  await check("webpack, page, slim", () => {
    page(out, "slim-url.js");
    return shown(out, "slim-url.html");
  });
}

async function nextPage() {
  let server;
  await check("next, page", async () => {
    project(next, join(here, "next"), [[join(here, "src/app.mjs"), "app.mjs"]]);
    command(next, "npx", "--no", "next", "build");
    const words = [join(next, "node_modules/next/dist/bin/next"), "start", "--port", "0", "--hostname", "127.0.0.1"];
    server = spawn(process.execPath, words, { cwd: next, stdio: ["ignore", "pipe", "inherit"] });
    return looked(await said(server, /http:\/\/127\.0\.0\.1:\d+/));
  });
  server?.kill();
}

/** The first text that a process prints which looks like this. */
function said(child, pattern) {
  return new Promise((done, fail) => {
    let text = "";
    child.stdout.on("data", (more) => {
      text += more;
      const found = pattern.exec(text);
      if (found) {
        done(found[0]);
      }
    });
    child.on("exit", () => fail(new Error(`it has ended: ${text}`)));
    setTimeout(() => fail(new Error(`it does not start: ${text}`)), PATIENCE_MS).unref();
  });
}

mkdirSync(target, { recursive: true });
try {
  project(bundlers, here);
  mkdirSync(join(bundlers, "out/esbuild"), { recursive: true });
  for (const run of [node, esbuild, vite, webpack, nextPage, policies]) {
    await run();
  }
} finally {
  await closeAll();
}
console.log(failed === 0 ? "every bundle runs" : `${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
