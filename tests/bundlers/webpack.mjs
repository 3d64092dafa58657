// Builds both pages with webpack, as its command line would: that one is a package of its own.

import { join } from "node:path";
import webpack from "webpack";

const folder = import.meta.dirname;
const entry = (name) => ({ [name]: join(folder, `src/${name}.mjs`) });
const config = {
  mode: "production",
  context: folder,
  entry: { ...entry("page"), ...entry("slim-url") },
  output: { path: join(folder, "out/webpack"), filename: "[name].js", publicPath: "/" },
};
webpack(config, (error, stats) => {
  if (error || stats.hasErrors()) {
    console.error(error ?? stats.toString());
    process.exitCode = 1;
  }
});
