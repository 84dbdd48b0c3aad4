/** A whole number for people, as `toLocaleString('en')` has it, which loads the tables of all languages first. */
export function toGrouped(number: number): string {
  return String(number).replace(/\B(?=(?:\d{3})+$)/g, ',')
}
