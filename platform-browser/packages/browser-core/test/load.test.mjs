// How a module is found, compiled and refused, by each entry of the package.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

import * as core from "@asupersync/browser-core";
import { load } from "@asupersync/browser-core/slim";

import { ABI } from "../dist/abi.js";
import { inlined } from "../dist/inline.js";

const require = createRequire(import.meta.url);
const bytes = readFileSync(require.resolve("@asupersync/browser-core/wasm"));
const SECTION = "asupersync-abi";
const WASM = { headers: { "content-type": "application/wasm" } };

/** The module with another section, or none, where it says its ABI. */
function saying(text) {
  const said = new TextEncoder().encode(`${ABI.version} ${ABI.fingerprint} ${ABI.profile}`);
  const name = new TextEncoder().encode(SECTION);
  const at = bytes.indexOf(Buffer.concat([Buffer.from([name.length]), name, said]));
  assert.ok(at > 0, "the section is not where it should be");
  const changed = Buffer.from(bytes);
  if (text === undefined) {
    changed.write("x", at + 1);
  } else {
    assert.equal(text.length, said.length);
    changed.write(text, at + 1 + name.length);
  }
  return changed;
}

/** Runs `call` with one property of `object` replaced. */
async function replaced(object, name, value, call) {
  const before = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(object, name, { ...before, value });
  try {
    return await call();
  } finally {
    Object.defineProperty(object, name, before);
  }
}

/** A scope with a task in it gives its value. */
async function works({ withRuntime }) {
  const value = await withRuntime({}, (rt) => rt.scope("s", (scope) => scope.spawn("t", () => 42).join()));
  assert.equal(value, 42);
}

test("the text in the scripts is the module, to the byte", async () => {
  let seen;
  const compiled = inlined();
  class Seen extends WebAssembly.Module {
    constructor(given) {
      super(given);
      seen = Buffer.from(given);
    }
  }
  await replaced(WebAssembly, "Module", Seen, async () => (await import("../dist/inline.js?again")).inlined());
  assert.ok(seen.equals(bytes));
  assert.equal(inlined(), compiled, "and it is compiled once");
});

test("every entry works: inlined, slim, CommonJS, and both in CommonJS", async () => {
  await works(core);
  await works(await load(bytes));
  await works(require("@asupersync/browser-core"));
  await works(await require("@asupersync/browser-core/slim").load(bytes));
});

test("slim takes a module, bytes, a Response, a promise of one, and a place", async () => {
  const response = (options) => new Response(bytes, options);
  const buffer = new Uint8Array(bytes).buffer;
  const place = `data:application/wasm;base64,${bytes.toString("base64")}`;
  for (const source of [
    new WebAssembly.Module(bytes), bytes, buffer, response(WASM), response(), Promise.resolve(response(WASM)), place, new URL(place),
  ]) {
    await works(await load(source));
  }
});

test("slim says what is not there, and what is no module", async () => {
  await assert.rejects(load(new Response("no", { status: 404 })), { code: "ModuleUnavailable", message: /404/ });
  await assert.rejects(load("data:nonsense"), { code: "ModuleUnavailable" });
  await assert.rejects(load(Promise.reject(new Error("offline"))), { code: "ModuleUnavailable" });
  for (const source of [bytes.subarray(0, 1000), new Response("<html>", WASM), new Response("<html>")]) {
    await assert.rejects(load(source), { code: "ModuleUnavailable", message: /no module/ });
  }
  for (const source of [undefined, 1, {}]) {
    await assert.rejects(load(source), { code: "InvalidArgument" });
  }
});

test("a module of another ABI or profile is refused, with both named", async () => {
  const { version, fingerprint, profile } = ABI;
  const other = `${fingerprint[0] === "0" ? "1" : "0"}${fingerprint.slice(1)}`;
  const isMismatch = (text) => (error) =>
    error.code === "AbiMismatch" && error.message.includes(text) && error.message.includes(`speak ${version} ${fingerprint}`);
  await assert.rejects(load(saying(`${version} ${other} ${profile}`)), isMismatch(`has ABI ${version} ${other}`));
  await assert.rejects(load(new WebAssembly.Module(saying(undefined))), isMismatch("has ABI none"));
  const reversed = [...profile].reverse().join("");
  const error = { code: "ProfileMismatch", message: new RegExp(`${reversed}, these scripts as ${profile}`) };
  await assert.rejects(load(saying(`${version} ${fingerprint} ${reversed}`)), error);
});

test("where a policy forbids to compile, or nothing can, the error says what to do", async () => {
  const { inlined: again } = await import("../dist/inline.js?policy");
  const refusing = class {
    constructor() {
      throw new WebAssembly.CompileError("blocked");
    }
  };
  const compile = () => Promise.reject(new WebAssembly.CompileError("blocked"));
  const isPolicy = { code: "WasmUnavailable", message: /'wasm-unsafe-eval' to script-src/ };
  await replaced(WebAssembly, "Module", refusing, async () => {
    assert.throws(again, isPolicy);
    await replaced(WebAssembly, "compile", compile, () => assert.rejects(load(bytes), isPolicy));
  });
  // WebKit compiles, and refuses the instance.
  await replaced(WebAssembly, "Instance", refusing, async () => {
    assert.throws(() => core.createRuntime(), isPolicy);
    const slim = await load(bytes);
    assert.throws(() => slim.createRuntime(), isPolicy);
  });
  await replaced(globalThis, "WebAssembly", undefined, async () => {
    assert.throws(again, { code: "WasmUnavailable", message: /no WebAssembly/ });
    await assert.rejects(load(bytes), { code: "WasmUnavailable", message: /no WebAssembly/ });
  });
});

test("an import does nothing, also where there is nothing", () => {
  const names = ["WebAssembly", "MessageChannel", "performance", "crypto", "fetch", "setTimeout", "queueMicrotask", "TextEncoder", "TextDecoder"];
  const script = `
    for (const name of ${JSON.stringify(names)}) delete globalThis[name];
    const before = Object.getOwnPropertyNames(globalThis).join();
    await import("@asupersync/browser-core");
    await import("@asupersync/browser-core/slim");
    if (Object.getOwnPropertyNames(globalThis).join() !== before) throw new Error("a global was made");`;
  const node = spawnSync(process.execPath, ["--input-type=module", "-e", script], { cwd: import.meta.dirname, encoding: "utf8" });
  assert.equal(node.status, 0, node.stderr);
});

test("at the edge the host compiles the module, and the scripts hold no text of it", () => {
  const hooks = `
    import { readFileSync } from "node:fs";
    import { fileURLToPath } from "node:url";
    export const load = (url, context, next) => url.endsWith(".wasm?module")
      ? { format: "module", shortCircuit: true, source: "const bytes = Buffer.from('" + readFileSync(fileURLToPath(new URL(url).href.split("?")[0]), "base64") + "', 'base64'); export default globalThis.compiled(bytes);" }
      : url.endsWith("/module.js") ? Promise.reject(new Error("the text was loaded")) : next(url, context);`;
  const script = `
    import { register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hooks)}));
    const Module = WebAssembly.Module;
    globalThis.compiled = (bytes) => new Module(bytes);
    WebAssembly.Module = Object.assign(class { constructor() { throw new Error("no code from bytes here"); } }, { customSections: Module.customSections });
    const { withRuntime } = await import("@asupersync/browser-core");
    console.log(await withRuntime({}, (rt) => rt.scope("s", (scope) => scope.spawn("t", () => 42).join())));`;
  for (const condition of ["workerd", "edge-light"]) {
    const words = ["--conditions", condition, "--input-type=module", "-e", script];
    const node = spawnSync(process.execPath, words, { cwd: import.meta.dirname, encoding: "utf8" });
    assert.equal(node.stdout, "42\n", node.stderr);
  }
});
