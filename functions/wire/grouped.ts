/** A whole number for people, as `toLocaleString('en')` has it, which loads the tables of all languages first. */
export function toGrouped(number: number): string {
  return String(number).replace(/\B(?=(?:\d{3})+$)/g, ',')
}

/** A count with its noun, in the singular for 1: `1 name`, `20,000 names`. */
export function toCounted(count: number, one: string, several: string): string {
  return `${toGrouped(count)} ${count === 1 ? one : several}`
}
