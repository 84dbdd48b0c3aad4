/** `-A`: vouch opens files by their descriptors, below `/proc/self/fd`, which Deno lets nobody do who may not do all. */
export const DENO_OPTIONS = ['--node-modules-dir=manual', '-A'] as const
