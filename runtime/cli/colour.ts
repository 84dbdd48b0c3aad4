import type { Io, Talk } from './io.ts'

const CODES = { bold: 1, red: 31, green: 32, yellow: 33, cyan: 36 } as const

export type Colour = keyof typeof CODES

/** `text` in a colour, or as it is. */
export type Paint = (text: string, colour: Colour) => string

/**
 * How what people read is coloured on `stream`: on a terminal that can, unless `NO_COLOR` is set and not empty
 * (https://no-color.org); elsewhere only when `FORCE_COLOR` is set, not empty and not 0. Never for what programs read.
 */
export function createPaint(stream: Pick<Talk, 'isTTY'>, env: Io['env']): Paint {
  if (!isColoured(stream, env)) return (text) => text
  return (text, colour) => `\x1b[${CODES[colour]}m${text}\x1b[0m`
}

function isColoured({ isTTY = false }: Pick<Talk, 'isTTY'>, env: Io['env']): boolean {
  const { NO_COLOR = '', FORCE_COLOR = '', TERM } = env
  if (NO_COLOR !== '' || FORCE_COLOR === '0') return false
  return FORCE_COLOR !== '' || (isTTY && TERM !== 'dumb')
}
