const CODES = { bold: 1, red: 31, green: 32, yellow: 33, cyan: 36 } as const

export type Colour = keyof typeof CODES

interface Terminal {
  readonly isTTY?: boolean | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/** Colours `text`, or returns it unchanged. */
export type Paint = (text: string, colour: Colour) => string

/**
 * Colours output for people on `stream`: on a terminal with colours, unless `NO_COLOR` is set and not empty
 * (https://no-color.org); elsewhere only when `FORCE_COLOR` is set, not empty and not 0.
 */
export function createPaint(stream: Terminal, env: Environment): Paint {
  if (!isColoured(stream, env)) return (text) => text
  return (text, colour) => `\x1b[${CODES[colour]}m${text}\x1b[0m`
}

function isColoured({ isTTY = false }: Terminal, env: Environment): boolean {
  const { NO_COLOR = '', FORCE_COLOR = '', TERM } = env
  if (NO_COLOR !== '' || FORCE_COLOR === '0') return false
  return FORCE_COLOR !== '' || (isTTY && TERM !== 'dumb')
}
