// Where a job finds what was built: below /modules/ of its server, or, under node, in a file or folder.

const places = new Map();

/** Under node: where the module or package `name` is. */
export const setPlace = (name, url) => places.set(name, url);

const place = (name) => places.get(name) ?? `/modules/${name}`;

/** The package of this name, as a page would import it. */
export const load = (name) => import(`${place(name)}/index.js`);

/** The module of this name. */
export async function bytesOf(name) {
  if (places.has(name)) {
    const { readFile } = await import("node:fs/promises");
    return readFile(new URL(place(name)));
  }
  return (await fetch(place(name))).arrayBuffer();
}
