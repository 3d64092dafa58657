// Where a job finds what was built: below /modules/ of its server, or, under node, in a folder.

const folders = new Map();

/** Under node: `name` is the folder of a package. */
export const setFolder = (name, url) => folders.set(name, url);

/** The package of this name, as a page would import it. */
export const load = (name) => import(`${folders.get(name) ?? `/modules/${name}`}/index.js`);
