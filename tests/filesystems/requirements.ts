import { run } from './commands.ts'

/** Packages of the writer, and of the slow source of a long call. */
export const WRITER_PACKAGES: readonly string[] = ['python3', 'python3-lmdb', 'rsync', 'bindfs', 'fuse3']

/** Rejects with an Error that lists the missing packages: a suite that cannot run has not passed. */
export async function requirePackages(packages: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('these tests mount file systems, which only root may do')
  const wanted = [...new Set(['mount', ...packages])]
  const installed = await Promise.all(wanted.map(isInstalled))
  const missing = wanted.filter((_, i) => !installed[i])
  if (missing.length > 0)
    throw new Error(
      `these tests need packages that are not installed; on Debian: apt-get install ${missing.join(' ')}`,
    )
}

async function isInstalled(name: string): Promise<boolean> {
  try {
    return (await run('dpkg-query', '-W', '-f', `\${db:Status-Status}`, name)) === 'installed'
  } catch {
    return false
  }
}
