import { basename, dirname, join } from 'node:path'
import { parseNote } from '../../../functions/proof/note.ts'
import { parseTreeText } from '../../../functions/proof/tree-text.ts'
import type { Reply } from '../../../functions/storage/remote/replies.ts'
import { keptTrees, type TreesLine, treesLine } from '../../../functions/wire/schemas/listings.ts'
import { escapeControls, formatCount } from '../../../functions/wire/text.ts'
import { type Io, say, toJsonLine, writeOut } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import { Broken, readAnswer, readProblem, toUserError } from '../client/coordinator-client.ts'
import { readNdjson } from '../client/ndjson.ts'
import { withSource } from '../client/source.ts'
import { toLocalTime } from '../terminal/times.ts'
import { type ReceiptOptions, refusingNote } from './read-note.ts'
import { writeReceipt } from './write-receipt.ts'

type Trees = Exclude<TreesLine, { work: number }>

/** Has all replicas sign their trees, and writes the notes; resolves with the exit status. */
export async function runTree(prefix: string, options: ReceiptOptions, io: Io): Promise<number> {
  return await withSource(options, io, { reads: 'trees' }, async ({ ask }) => {
    const query = prefix === '' ? '' : `?${new URLSearchParams({ prefix })}`
    const { replicas, notes } = await readTrees(await ask(`/tree${query}`))
    for (const { id, files, root, detail } of replicas)
      say(io, root === undefined ? `warning: ${id} signed nothing: ${detail}` : toWords({ id, files, root }))
    if (prefix !== '' && replicas.every(({ root, files = 0 }) => root === undefined || files === 0))
      throw new UserError(
        `no replica that answered has a name that begins with '${prefix}'; -o FILE says where to write the tree`,
      )
    const signed = new Set(notes.flatMap((note) => note.replicas))
    const [first, ...others] = notes
    if (first === undefined)
      throw new UserError(
        "nobody has signed: neither replicas nor the coordinator have a key; 'vouch key generate' makes one, for --sign",
      )
    for (const { id, root } of replicas)
      if (root !== undefined && !signed.has(id)) say(io, `warning: ${id} has no key, and nobody signs for it`)
    await writeNotes(notes, options, io)
    if (new Set(replicas.flatMap(({ root }) => root ?? [])).size > 1 || others.length > 0) return 1
    return replicas.every(({ id }) => signed.has(id)) ? 0 : 3
  })
}

function toWords({ id, files = 0, root }: { id: string; files: number | undefined; root: string }): string {
  return `${id}: ${formatCount(files, 'file', 'files')}, root ${root}`
}

async function readTrees(response: Reply): Promise<Trees> {
  if (response.status !== 200) throw toUserError(await readProblem(response))
  let trees: Trees | undefined
  for await (const lines of readNdjson(response, treesLine))
    for (const line of lines) if ('notes' in line) trees = line
  if (trees === undefined) throw new Broken('the answer broke off before its end; run it again')
  return trees
}

/** One note where -o says; several beside that, each with the name of its first replica. */
async function writeNotes(notes: Trees['notes'], { output = '-' }: ReceiptOptions, io: Io): Promise<void> {
  const isOne = notes.length === 1
  if (!isOne && output === '-')
    throw new UserError(
      'nothing was printed, because the replicas differ; -o PATH writes what each has signed',
    )
  for (const { replicas, note } of notes) {
    const own = join(dirname(output), `${replicas[0]}_${basename(output)}`)
    await writeReceipt(note, isOne ? output : own, io)
  }
}

/** Prints the trees that a coordinator has kept, the latest first. */
export async function runTrees(options: ReceiptOptions, io: Io): Promise<number> {
  return await withSource(options, io, {}, async ({ ask }) => {
    const { trees } = await readAnswer(await ask('/trees'), keptTrees)
    if (options.json) await writeOut(io, toJsonLine(trees))
    else
      for (const { at, replicas, note } of trees) {
        const { prefix, files, root } = await refusingNote('a tree of the ledger', () =>
          parseTreeText(parseNote(note).text),
        )
        const names = prefix === '' ? '' : `  ${escapeControls(prefix)}*`
        const count = formatCount(files, 'file', 'files')
        await writeOut(io, `${toLocalTime(at)}  ${root}  ${count}  ${replicas.join(' = ')}${names}\n`)
      }
    return 0
  })
}
