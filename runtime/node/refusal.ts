/**
 * What was asked cannot be done, for a reason that its asker can put right: a flag, a port, a path, an address. The
 * message is one line for people. An error of another class is a bug.
 */
export class Refusal extends Error {
  override readonly name: string = 'Refusal'
}
