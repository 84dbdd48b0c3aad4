/** An error that the user can fix, such as a wrong flag; the message is one line. Any other is a bug. */
export class UserError extends Error {
  override readonly name: string = 'UserError'
}
