/** An error that the user can fix, such as a wrong flag; the message is one line. Any other is a bug. */
export class UserError extends Error {
  override readonly name: string = 'UserError'
  /** For programs: what kind of trouble it is, in the words of docs/command-line.md. */
  readonly kind: string

  constructor(message: string, kind = 'usage') {
    super(message)
    this.kind = kind
  }
}
