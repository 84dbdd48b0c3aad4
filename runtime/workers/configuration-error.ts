/** A variable that cannot be worked with. Its message is shown to clients, so it names ids and never an address. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
}
