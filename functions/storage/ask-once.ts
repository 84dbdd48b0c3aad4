/** The answers to `names` in their order; a name that occurs twice is asked for once. */
export function askOnce<T>(names: readonly string[], ask: (name: string) => Promise<T>): Promise<T>[] {
  const asked = new Map<string, Promise<T>>()
  return names.map((name) => {
    const answer = asked.get(name) ?? ask(name)
    asked.set(name, answer)
    return answer
  })
}
