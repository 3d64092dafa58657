// Builds the package: the module beside the compiled sources, as it is and as text.
//
//   node build.mjs MODULE     MODULE is asupersync_browser_bindings.wasm; without it the one of the last build is kept

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { build } from "../build.mjs";

const here = import.meta.dirname;
const kept = join(here, "dist/module.wasm");
const wasm = readFileSync(process.argv[2] ?? (existsSync(kept) ? kept : usage()));
build(here, {
  "module.wasm": wasm,
  "module.js": text(wasm),
  "abi.js": abi(wasm),
  "host.mjs": readFileSync(join(here, "../../js/host.mjs")),
});

function usage() {
  console.error("usage: node build.mjs MODULE; `cargo xtask packages` builds both");
  process.exit(2);
}

/** What `src/inline.ts` reads. The most frequent bytes take one letter, the others two: a shift, then a letter. */
function text(wasm) {
  // Printable, and nothing that a string or a page would have to escape.
  const printable = Array.from({ length: 95 }, (_, code) => String.fromCharCode(code + 32));
  const characters = printable.filter((character) => !"\"'`\\$<".includes(character));
  const [letters, shifts] = [characters.slice(0, -2), characters.slice(-2)];
  const counts = new Array(256).fill(0);
  wasm.forEach((byte) => (counts[byte] += 1));
  const bytes = [...counts.keys()];
  const frequent = bytes.toSorted((a, b) => counts[b] - counts[a]).slice(0, letters.length);
  const common = frequent.sort((a, b) => a - b);
  const rare = bytes.filter((byte) => !common.includes(byte));
  const written = new Map(common.map((byte, place) => [byte, letters[place]]));
  rare.forEach((byte, place) => {
    written.set(byte, shifts[Math.floor(place / letters.length)] + letters[place % letters.length]);
  });
  const lines = {
    LETTERS: letters.join(""),
    SHIFTS: shifts.join(""),
    COMMON: common,
    LENGTH: wasm.length,
    TEXT: Array.from(wasm, (byte) => written.get(byte)).join(""),
  };
  return Object.entries(lines).map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};\n`).join("");
}

/** The ABI of the sources, and the profile of the module. */
function abi(wasm) {
  const schema = readFileSync(join(here, "../../bindings/abi.txt"), "utf8");
  const [, version, fingerprint] = /^version (\d+) ([0-9a-f]{16})$/m.exec(schema);
  const [section] = WebAssembly.Module.customSections(new WebAssembly.Module(wasm), "asupersync-abi");
  const [, , profile] = new TextDecoder().decode(section).split(" ");
  return `export const ABI = ${JSON.stringify({ version, fingerprint, profile })};\n`;
}
