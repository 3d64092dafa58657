/** A file that the bundler compiles. */
declare module "*.wasm?module" {
  const module: WebAssembly.Module;
  export default module;
}
