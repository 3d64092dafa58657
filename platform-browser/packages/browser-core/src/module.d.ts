/** The module, in base64; written by `build.mjs`. */
export const MODULE: string;
