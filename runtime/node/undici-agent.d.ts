/** Loads a third of what `undici` loads, and nobody gets another in its place, as on Bun, which has its own. */
declare module 'undici/lib/dispatcher/agent.js' {
  export { Agent as default } from 'undici'
}

declare module 'undici/lib/core/connect.js' {
  export { buildConnector as default } from 'undici'
}
