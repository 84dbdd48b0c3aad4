/** Returns what `read` returns; null when it throws, as parsers do for malformed text. */
export function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}
