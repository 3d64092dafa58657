// A module before it is an instance: compiled from what the caller has, and of the ABI that these scripts speak.
//
// Owns what can go wrong on the way, each with a code and a next step. Nothing happens at import.

import { ABI } from "./abi.js";
import { invalid, RuntimeError } from "./errors.js";

/** A compiled module, its bytes, where it is, or the answer of a fetch. */
export type ModuleSource = WebAssembly.Module | BufferSource | URL | string | Response | PromiseLike<Response>;

/** The section in which a module says what it is: version, fingerprint and profile. */
const SECTION = "asupersync-abi";
/** The smallest module. */
const EMPTY = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

/** Compiles at once. `bytes` is called when there is something that compiles. */
export function compile(bytes: () => BufferSource): WebAssembly.Module {
  requireWasm();
  try {
    return checked(new WebAssembly.Module(bytes()));
  } catch (cause) {
    throw refused(cause);
  }
}

/** Compiles what is given, or what is there. */
export async function load(source: ModuleSource): Promise<WebAssembly.Module> {
  requireWasm();
  if (is<WebAssembly.Module>(source, "WebAssembly.Module")) {
    return checked(source);
  }
  const found = ArrayBuffer.isView(source) || is<ArrayBuffer>(source, "ArrayBuffer") ? source : await answered(source);
  try {
    return checked(await (is<Response>(found, "Response") ? streamed(found) : WebAssembly.compile(found)));
  } catch (cause) {
    throw refused(cause);
  }
}

async function answered(source: URL | string | Response | PromiseLike<Response>): Promise<Response> {
  const isPlace = typeof source === "string" || is<URL>(source, "URL");
  let answer: Response;
  try {
    answer = await (isPlace ? fetch(source) : source);
  } catch (cause) {
    throw unavailable(isPlace ? `${source} cannot be fetched` : "the fetch of the module has failed", cause);
  }
  if (!is<Response>(answer, "Response")) {
    throw invalid("load takes a WebAssembly.Module, bytes, a URL or a Response", source);
  }
  if (!answer.ok) {
    throw unavailable(`${answer.url} was answered with ${answer.status}`);
  }
  return answer;
}

/** Servers that do not know the type of a module are common; then its bytes are taken first. */
async function streamed(answer: Response): Promise<WebAssembly.Module> {
  const type = answer.headers.get("content-type") ?? "";
  return type.startsWith("application/wasm") ? WebAssembly.compileStreaming(answer) : WebAssembly.compile(await answer.arrayBuffer());
}

/** Like `instanceof`, also for what another frame has made. */
function is<T>(value: unknown, name: string): value is T {
  return Object.prototype.toString.call(value) === `[object ${name}]`;
}

function requireWasm(): void {
  if (typeof WebAssembly !== "object") {
    throw new RuntimeError("WasmUnavailable", "there is no WebAssembly here; it was switched off, or the browser is older than 2017");
  }
}

function unavailable(what: string, cause?: unknown): RuntimeError {
  return new RuntimeError("ModuleUnavailable", `${what}; serve \`module.wasm\` of @asupersync/browser-core there`, { cause });
}

/** An instance; throws `WasmUnavailable` where a policy forbids it, which WebKit says no sooner. */
export function instantiate(module: WebAssembly.Module, imports: WebAssembly.Imports): WebAssembly.Instance {
  try {
    return new WebAssembly.Instance(module, imports);
  } catch (cause) {
    throw policy(cause) ?? cause;
  }
}

/** Why nothing was compiled: what was told already, a policy of the page, or the bytes. */
function refused(cause: unknown): RuntimeError {
  if (cause instanceof RuntimeError) {
    return cause;
  }
  return policy(cause) ?? unavailable("what was given is no module that this engine compiles", cause);
}

/** The error for a page that may not run even the smallest module. */
function policy(cause: unknown): RuntimeError | undefined {
  try {
    new WebAssembly.Instance(new WebAssembly.Module(EMPTY));
    return undefined;
  } catch {
    const next = "with a Content-Security-Policy add 'wasm-unsafe-eval' to script-src";
    return new RuntimeError("WasmUnavailable", `this page may not compile WebAssembly; ${next}`, { cause });
  }
}

/** The module, if these scripts can speak with it; throws `AbiMismatch` or `ProfileMismatch`. */
export function checked(module: WebAssembly.Module): WebAssembly.Module {
  const [section] = WebAssembly.Module.customSections(module, SECTION);
  const [version = "none", fingerprint = "", profile = ""] = section ? new TextDecoder().decode(section).split(" ") : [];
  const next = "load the `module.wasm` of the same version of @asupersync/browser-core, and look for an old one in caches";
  if (version !== ABI.version || fingerprint !== ABI.fingerprint) {
    const said = `the module has ABI ${version} ${fingerprint}`.trimEnd();
    throw new RuntimeError("AbiMismatch", `${said}, these scripts speak ${ABI.version} ${ABI.fingerprint}; ${next}`);
  }
  if (profile !== ABI.profile) {
    throw new RuntimeError("ProfileMismatch", `the module was built as ${profile}, these scripts as ${ABI.profile}; ${next}`);
  }
  return module;
}
