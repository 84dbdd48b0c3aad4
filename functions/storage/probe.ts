/** A name that no tree has: describing it shows, as every read would, whether a replica answers. */
export const PROBE = '.well-known/vouch-probe'
