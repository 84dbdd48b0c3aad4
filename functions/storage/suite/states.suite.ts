/** `Replica-Status` without `evidence` and `age`, which depend on when bytes were read; null without it. */
export function readStates(headers: { get(name: string): string | null } | undefined): string | null {
  const field = headers?.get('Replica-Status') ?? null
  return field === null ? null : toStates(field)
}

/** The same of the field's text, or of any that holds it. */
export function toStates(text: string): string {
  return text.replace(/;evidence=[a-z]+(?:;age=\d+)?/g, '')
}
