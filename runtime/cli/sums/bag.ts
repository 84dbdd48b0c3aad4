import { lstat, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { RESERVED } from '../../../functions/storage/names.ts'
import type { AuditSummary } from '../../../functions/wire/schemas/audit.ts'
import type { OwnDirectory } from '../../hosting/outside.ts'
import { isAbsence } from '../../node/files/errno.ts'
import { UserError } from '../../node/user-error.ts'
import { refusing } from '../download/part-file.ts'
import { type NamedOutput, type Output, openNamed } from './output.ts'

const MANIFEST = 'manifest-sha256.txt'
const TAG_MANIFEST = 'tagmanifest-sha256.txt'
const INFO = 'bag-info.txt'
const DECLARATION = 'bagit.txt'

/** The files that make a directory a bag, or say more of one (RFC 8493 §2). */
const TAG_FILE = /^(?:(?:bagit|bag-info|fetch)\.txt|(?:tag)?manifest-.*\.txt)$/i

/**
 * The replica whose directory is `data` in `directory` (absolute), the payload of a bag there. Throws a
 * UserError when it does not exist, when the directory holds a bag already, or when files of vouch are in the
 * payload.
 */
export async function requirePayload(
  directory: string,
  replicas: readonly OwnDirectory[],
): Promise<OwnDirectory> {
  const payload = join(directory, 'data')
  const there = await refusing(payload, lstat(payload, { bigint: true }).catch(ignoreAbsent))
  if (!there?.isDirectory())
    throw new UserError(
      `'${payload}' is not a directory; the payload of a bag has to be one, and vouch moves no files there`,
    )
  for (const replica of replicas) {
    const { dev, ino } = await stat(replica.path, { bigint: true })
    if (dev !== there.dev || ino !== there.ino) continue
    await requireNoTags(directory)
    await requireNoReserved(payload)
    return replica
  }
  throw new UserError(
    `'${payload}' is the payload of the bag, and no replica: name it with --replica ID=${payload}, beside those it is compared with`,
  )
}

async function requireNoTags(directory: string): Promise<void> {
  const found = (await refusing(directory, readdir(directory))).find((name) => TAG_FILE.test(name))
  if (found !== undefined)
    throw new UserError(
      `'${join(directory, found)}' is of a bag already, which vouch does not change; move its tag files away first`,
    )
}

async function requireNoReserved(payload: string): Promise<void> {
  const path = join(payload, RESERVED)
  if ((await lstat(path).catch(ignoreAbsent)) !== null)
    throw new UserError(
      `'${path}' holds the marker of vouch and what it kept, which would be in the payload and in no manifest; move it away first`,
    )
}

function ignoreAbsent(error: unknown): null {
  if (isAbsence(error)) return null
  throw error
}

/** Throws a UserError when names that settings exclude would be payload that the manifest lacks. */
export function requireNothingExcluded(exclude: readonly string[]): void {
  if (exclude.length > 0)
    throw new UserError(
      `nothing was written: a bag lists every file of its payload, and the settings exclude ${exclude.join(', ')}`,
    )
}

/** Throws a UserError when an audit has left out a part of the payload. */
export function requireAll({ replicas, exclude = [] }: AuditSummary, { id, path }: OwnDirectory): void {
  requireNothingExcluded(exclude)
  const passed = replicas.find((replica) => replica.id === id)?.passed ?? []
  if (passed.length > 0)
    throw new UserError(
      `nothing was written: a bag lists everything in its payload, and some of ${id} cannot be listed, as said above; move it out of '${path}'`,
    )
}

/**
 * Writes the tag files of a bag around `data` in `directory` (absolute). `bagit.txt` comes last: without it
 * there is no bag.
 */
export async function openBag(directory: string): Promise<Output> {
  const opened: NamedOutput[] = []
  const placed: string[] = []
  let isComplete = false

  async function open(name: string): Promise<NamedOutput> {
    const output = await openNamed(join(directory, name))
    opened.push(output)
    return output
  }

  async function write(name: string, text: string): Promise<NamedOutput> {
    const output = await open(name)
    await output.write(text)
    return output
  }

  const manifest = await open(MANIFEST)
  return {
    write: manifest.write,
    async commit(totals) {
      const { names, bytes } = totals
      const date = new Date().toISOString().slice(0, 10)
      const info = await write(INFO, `Bagging-Date: ${date}\nPayload-Oxum: ${bytes}.${names}\n`)
      const declaration = await write(DECLARATION, 'BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n')
      const others = { [INFO]: info, [DECLARATION]: declaration, [MANIFEST]: manifest }
      const lines = Object.entries(others).map(([name, output]) => `${output.digest()}  ${name}\n`)
      const tags = await write(TAG_MANIFEST, lines.join(''))
      const inOrder = { [MANIFEST]: manifest, [INFO]: info, [TAG_MANIFEST]: tags, [DECLARATION]: declaration }
      for (const [name, output] of Object.entries(inOrder)) {
        await output.commit(totals)
        placed.push(join(directory, name))
      }
      isComplete = true
    },
    async discard() {
      for (const output of opened) await output.discard()
      if (!isComplete) for (const path of placed) await rm(path, { force: true })
    },
  }
}
