/** The ABI that these scripts speak, and the profile of the module they were built with; written by `build.mjs`. */
export const ABI: { readonly version: string; readonly fingerprint: string; readonly profile: string };
