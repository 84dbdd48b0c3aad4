import { resolve } from 'node:path'
import { type Io, say, writeOut } from '../../hosting/io.ts'
import { openNamed } from '../sums/output.ts'

/** Writes a receipt to a file, whole or not at all, and says so; prints it without a path, or for `-`. */
export async function writeReceipt(text: string, path: string | undefined, io: Io): Promise<void> {
  if (path === undefined || path === '-') return await writeOut(io, text)
  const output = await openNamed(resolve(io.cwd, path))
  try {
    await output.write(text)
    await output.commit({ names: 1, bytes: 0n })
  } finally {
    await output.discard()
  }
  say(io, `wrote ${path}`)
}
