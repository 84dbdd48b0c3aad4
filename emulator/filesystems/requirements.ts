import { run } from './commands.ts'

/** What the writer and the slow source of a long call take beside the file systems. */
export const WRITER_PACKAGES: readonly string[] = ['python3', 'python3-lmdb', 'rsync', 'bindfs', 'fuse3']

/** Throws an Error that says what is missing, and how to install it: a suite that cannot run has not passed. */
export async function requirePackages(packages: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new Error('npm run test:filesystems mounts file systems: run it as root')
  const wanted = [...new Set(['mount', ...packages])]
  const installed = await Promise.all(wanted.map(isInstalled))
  const missing = wanted.filter((_, i) => !installed[i])
  if (missing.length > 0)
    throw new Error(
      `not installed: ${missing.join(', ')}. On Debian: apt-get install ${missing.join(' ')}; without ` +
        'them npm run test:filesystems has shown nothing',
    )
}

async function isInstalled(name: string): Promise<boolean> {
  try {
    return (await run('dpkg-query', '-W', '-f', `\${db:Status-Status}`, name)) === 'installed'
  } catch {
    return false
  }
}
