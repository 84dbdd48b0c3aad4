/// <reference path="./undici-agent.d.ts" />

// Only these modules of undici, in a file of their own in the bundled command, which few runs load.
export { default as buildConnector } from 'undici/lib/core/connect.js'
export { default as Agent } from 'undici/lib/dispatcher/agent.js'
