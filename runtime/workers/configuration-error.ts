/** A variable that is not valid. Clients see the message, so it names ids and never an address. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
}
