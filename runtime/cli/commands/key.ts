import { open, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, extname, resolve } from 'node:path'
import {
  formatPem,
  formatPublicKey,
  generateKey,
  ORIGIN_RULE,
  parseOrigin,
} from '../../../functions/proof/keys.ts'
import { type Io, say, writeOut } from '../../hosting/io.ts'
import { getErrno } from '../../node/files/errno.ts'
import { UserError } from '../../node/user-error.ts'
import { refusing } from '../download/part-file.ts'
import type { Command } from '../options/command.ts'
import { readOptions } from '../options/declaration.ts'
import { KEY } from '../options/receipts.ts'

export const key: Command = {
  async run(given, io) {
    const options = readOptions(KEY, given)
    const [verb, file, ...more] = given.operands
    if (verb !== 'generate' || !file || more.length > 0)
      throw new UserError(`key takes generate FILE, got '${given.operands.join(' ')}'`)
    const origin = options.origin ?? toOrigin(file)
    const { pkcs8, key } = await generateKey(origin)
    const line = formatPublicKey(key)
    await writePair(resolve(io.cwd, file), { secret: formatPem(pkcs8), line }, io)
    say(io, `wrote ${file}, which is to be kept secret, and ${file}.pub, which is for everyone who verifies`)
    await writeOut(io, `${line}\n`)
    return 0
  },
}

function toOrigin(file: string): string {
  const origin = `${hostname()}/${basename(file, extname(file))}`
  if (parseOrigin(origin) !== null) return origin
  throw new UserError(`'${origin}' cannot be the name of a signer; --origin takes one: ${ORIGIN_RULE}`)
}

/** Writes both halves, or none. */
async function writePair(
  path: string,
  { secret, line }: { readonly secret: string; readonly line: string },
  io: Io,
): Promise<void> {
  await writeNew(path, secret, 0o600)
  try {
    await writeNew(`${path}.pub`, `${line}\n`, 0o644)
  } catch (error) {
    await rm(path)
    throw error
  }
  io.signal?.throwIfAborted()
}

/** Writes a file that is not there yet, durably, or leaves none; throws a UserError for one that is. */
async function writeNew(path: string, text: string, mode: number): Promise<void> {
  const advice = 'name another FILE'
  const handle = await refusing(path, open(path, 'wx', mode).catch(toRefusal(path)), advice)
  try {
    await refusing(path, handle.writeFile(text), advice)
    await refusing(path, handle.sync(), advice)
  } catch (error) {
    await rm(path)
    throw error
  } finally {
    await handle.close()
  }
}

function toRefusal(path: string): (error: unknown) => never {
  return (error) => {
    if (getErrno(error) !== 'EEXIST') throw error
    throw new UserError(`${path} exists, and a key is never replaced; choose another name`)
  }
}
