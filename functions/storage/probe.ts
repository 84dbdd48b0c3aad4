/** A name that no tree has: asking for it shows whether a replica answers, by the path that every read takes. */
export const PROBE = '.well-known/vouch-probe'
