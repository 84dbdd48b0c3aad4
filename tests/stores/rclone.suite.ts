import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'

/** Remotes of rclone by their names, each with its settings. */
export type Remotes = Readonly<Record<string, Readonly<Record<string, string>>>>

/** A directory with a configuration of rclone, and the environment that names it. */
export function createRcloneHome() {
  const { path, remove } = createTemporaryDirectory('vouch-rclone-')
  const config = join(path, 'rclone.conf')
  const env = { ...process.env, RCLONE_CONFIG: config }
  return {
    path,
    env,
    remove,
    /** Makes directories below it, and returns the path of the last. */
    makeDirectory(...names: readonly string[]): string {
      const made = names.map((name) => join(path, name))
      for (const directory of made) mkdirSync(directory, { recursive: true })
      return made.at(-1) ?? path
    },
    configure(remotes: Remotes): void {
      const sections = Object.entries(remotes).map(
        ([name, settings]) =>
          `[${name}]\n${Object.entries(settings)
            .map((setting) => `${setting.join(' = ')}\n`)
            .join('')}`,
      )
      writeFileSync(config, sections.join('\n'))
    },
  }
}

/** A password as rclone stores it. */
export function obscure(password: string): string {
  return execFileSync('rclone', ['obscure', password], { encoding: 'utf8' }).trim()
}
