// What a module whose panics unwind imports beside those of `host.mjs`: the tag of its exceptions. LLVM leaves its definition to
// a runtime library that Rust has not.

/** The imports `env` of such a module; a fresh one for each instance. */
export const unwinding = () => ({ __cpp_exception: new WebAssembly.Tag({ parameters: ["i32"] }) });
