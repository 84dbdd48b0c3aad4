import { execFile, spawnSync } from 'node:child_process'

/** Whether a program is installed. */
export function isInstalled(program: string): boolean {
  return spawnSync('which', [program]).status === 0
}

/** Whether a program is installed; otherwise warns which tests are skipped. */
export function hasProgram(program: string, what: string): boolean {
  const isHere = isInstalled(program)
  if (!isHere) console.warn(`NOT TESTED without ${program}: ${what}`)
  return isHere
}

/** The result of a program with `input` on its standard input. */
export async function execute(program: string, args: readonly string[], input = '') {
  return await new Promise<{ readonly status: number | null; readonly said: string }>((resolve) => {
    const child = execFile(program, args, (_error, stdout, stderr) => {
      resolve({ status: child.exitCode, said: stdout + stderr })
    })
    child.stdin?.end(input)
  })
}

/** The samples of a scrape: the value by name and labels, as they are written. */
export function parseSamples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}
