// The module as text; written by `build.mjs`, read by `inline.ts`. Unlike base64 it keeps the bytes apart: what a server
// compresses is no larger than the compressed module.

/** Each stands for one of the frequent bytes, or after a shift for one of the others. */
export const LETTERS: string;
export const SHIFTS: string;
/** The frequent bytes, in the order of their letters. */
export const COMMON: readonly number[];
/** Of the module, in bytes. */
export const LENGTH: number;
export const TEXT: string;
