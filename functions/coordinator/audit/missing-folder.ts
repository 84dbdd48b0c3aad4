/**
 * The outermost folder of `name` that holds none of these other names, ending in its slash; undefined when
 * the name is in no such folder. A folder that has names without `prefix` does not count, since no replica
 * was asked for all of its names.
 */
export function findMissingFolder(
  name: string,
  prefix: string,
  others: readonly string[],
): string | undefined {
  const shared = others.map((other) => countShared(name, other))
  const slash = name.indexOf('/', Math.max(0, prefix.length - 1, ...shared))
  return slash === -1 ? undefined : name.slice(0, slash + 1)
}

/** The number of UTF-16 units with which both begin. */
function countShared(a: string, b: string): number {
  let count = 0
  while (count < a.length && a.charCodeAt(count) === b.charCodeAt(count)) count++
  return count
}
