/** Returns a function that takes the work of an answer so far, and returns that since its last call. */
export function createToDone(): (work: number) => number {
  let before = 0
  return (work) => {
    const done = Math.max(work - before, 0)
    before += done
    return done
  }
}
