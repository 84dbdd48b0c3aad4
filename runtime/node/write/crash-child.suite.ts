import { createHash } from 'node:crypto'
import fs, { writeSync } from 'node:fs'
import promises from 'node:fs/promises'
import { createRandom } from '../../../functions/wire/random.suite.ts'
import { getHandlePrototype, patchBuiltin } from '../builtins.suite.ts'
import { createDirectoryStorage } from '../directory-storage.ts'

// A process that writes to a directory until it is killed: `node crash-child.suite.ts ROOT SEED PUTS KILL`.
// It reports on standard output, line by line, the digest of every content that it is about to put and of
// every one that is on the disk for good. With a number for KILL it kills itself before that call to the file
// system, as they come; with the name of a call before the first of that name. With 0 for PUTS it moves 'a'
// to 'dir/moved' instead.

export const NAMES = ['a', 'dir/b']

const [root = '', seed = '0', puts = '0', kill = ''] = process.argv.slice(2)
const storage = createDirectoryStorage(root, { indexPath: null, writable: true, here: 'all' })
const random = createRandom(Number(seed))

function report(deed: 'about' | 'done', name: string, digest: string): void {
  // At once, so that it is known however this process ends.
  writeSync(1, `${JSON.stringify({ deed, name, digest })}\n`)
}

const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

async function putNext(name: string, replaces: string | null, i: number): Promise<void> {
  // Mostly small, sometimes more than one read of a file.
  const size = random() < 0.2 ? 1_100_000 : Math.floor(random() * 3000)
  const bytes = Buffer.alloc(size + 40, `${seed}:${i} `)
  const digest = hash(bytes)
  report('about', name, digest)
  await storage.put(name, new Blob([bytes]).stream(), { size: bytes.length, digest, replaces })
  report('done', name, digest)
}

async function restoreSome(name: string, replaces: string | null): Promise<void> {
  const { entries } = await storage.listKept({ name })
  const digest = entries[Math.floor(random() * entries.length)]?.digest
  if (digest === undefined) return
  await storage.restore(name, { digest, replaces })
  report('done', name, digest)
}

/** Other processes may write here too: the second is refused. */
async function isRefused(write: Promise<void>): Promise<boolean> {
  try {
    await write
    return false
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['precondition', 'changed'].includes(String(error.code)))
      return true
    throw error
  }
}

async function armKill(at: string): Promise<void> {
  let calls = 0
  // The calls that change something: no other can leave a state behind that these do not.
  const arm = (call: (...args: never[]) => unknown, name: string) =>
    function (this: unknown, ...args: never[]) {
      if (String(++calls) === at || name === at) process.kill(process.pid, 'SIGKILL')
      return Reflect.apply(call, this, args)
    }
  const wrapAs =
    (name: string) =>
    <T>(call: T) =>
      arm(call as (...args: never[]) => unknown, name) as T // called alike
  const handles = await getHandlePrototype()
  for (const name of ['write', 'chmod'] as const) patchBuiltin(handles, name, wrapAs(name))
  for (const name of ['mkdir', 'link', 'rename', 'unlink'] as const)
    patchBuiltin(promises, name, wrapAs(name))
  for (const name of ['linkSync', 'renameSync', 'rmSync', 'unlinkSync'] as const)
    patchBuiltin(fs, name, wrapAs(name))
}

/** Random writes; or every kind of write once, for the same calls each time. */
const STEPS = [
  ['put', 'a'],
  ['restore', 'a'],
  ['put', 'dir/b'],
  ['put', 'dir/b'],
] as const

function choose(i: number): readonly ['put' | 'restore', string] {
  const chance = [
    random() < 0.7 ? 'put' : 'restore',
    NAMES[Math.floor(random() * NAMES.length)] ?? 'a',
  ] as const
  return kill === '' ? chance : (STEPS[i] ?? chance)
}

if (import.meta.main) {
  if (kill !== '') await armKill(kill)
  if (puts === '0') {
    const [said] = storage.describe(['a'])
    await storage.move?.('a', 'dir/moved', { digest: (await said)?.digest ?? '' })
  }
  for (let i = 0; i < Number(puts); i++) {
    const [deed, name] = choose(i)
    const [said] = storage.describe([name])
    const replaces = (await said)?.digest ?? null
    await isRefused(deed === 'put' ? putNext(name, replaces, i) : restoreSome(name, replaces))
  }
  await storage.close()
}
