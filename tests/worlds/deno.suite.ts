const cache = process.env['XDG_CACHE_HOME'] ?? '/tmp'

/**
 * Deno, with all that vouch needs to be allowed there: the index of digests is the only file that it touches.
 */
export const DENO = [
  ...[process.env['VOUCH_DENO'] ?? 'deno', 'run', '--no-prompt', '--node-modules-dir=manual'],
  ...['--allow-net', '--allow-env', '--allow-sys=hostname'],
  ...[`--allow-read=${cache}`, `--allow-write=${cache}`],
]
