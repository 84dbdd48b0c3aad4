import { createChannel } from '../../../functions/bytes/channel.ts'
import type { Tree } from '../../../functions/proof/tree-text.ts'
import { compareNames } from '../../../functions/storage/names.ts'
import { escapeControls, formatCount } from '../../../functions/wire/text.ts'
import { type Io, say } from '../../hosting/io.ts'
import type { Target } from '../../hosting/replica-address.ts'
import { UserError } from '../../node/user-error.ts'
import { FILES_AHEAD } from '../limits.ts'
import { openPrinted } from '../sums/output.ts'
import { isOf, readFiles, requireOf } from './files.ts'
import type { ReceiptOptions } from './read-note.ts'

/** Whether the files at `target` are those that were signed: resolves with 0, or with 1 and says so. */
export async function checkFiles(
  tree: Tree,
  target: Target,
  options: ReceiptOptions,
  io: Io,
): Promise<0 | 1> {
  const { prefix } = tree
  const read = await readFiles(target, { prefix }, options, io)
  if (isOf(read, tree)) {
    say(io, 'the files are those that were signed, all of them and no others')
    return 0
  }
  say(
    io,
    `the files are not those that were signed: ${formatCount(read.files, 'file', 'files')}, root ${read.root}`,
  )
  return 1
}

/** A file of a tree: its name, and its SHA-256. */
type File = readonly [name: string, digest: string]

interface Sides {
  readonly old: Tree
  readonly now: Tree
}

/**
 * What has changed from one signed tree to a later one: resolves with 0 for nothing, which their roots alone
 * show, else with 1. The changes are named only if each side has the whole of what was signed, and nothing
 * else: then no change can be hidden among them.
 */
export async function compareTrees({ old, now }: Sides, options: ReceiptOptions, io: Io): Promise<0 | 1> {
  const { files, sinceFiles } = options
  if (old.prefix !== now.prefix)
    throw new UserError(
      `the trees are of other names: '${escapeControls(old.prefix)}*' and '${escapeControls(now.prefix)}*'`,
    )
  if (isOf(old, now)) {
    say(io, `nothing has changed: both trees are of the same ${formatCount(now.files, 'file', 'files')}`)
    return 0
  }
  if (files === undefined || sinceFiles === undefined) {
    say(io, 'the trees differ; to name what has changed, --files and --since-files need the lists of both')
    return 1
  }
  const output = await openPrinted(io)
  try {
    const [before, after] = [openSide(sinceFiles, old, options, io), openSide(files, now, options, io)]
    const counts = { stayed: 0, changed: 0, gone: 0, new: 0 }
    try {
      for await (const [what, name] of merge(before.files, after.files)) {
        counts[what]++
        if (what !== 'stayed') await output.write(`${what.padEnd(8)}${escapeControls(name)}\n`)
      }
    } finally {
      before.leave()
      after.leave()
      await Promise.allSettled([before.whole, after.whole])
    }
    await Promise.all([before.whole, after.whole])
    await output.commit({ names: 0, bytes: 0n })
    const { stayed, changed, gone } = counts
    say(
      io,
      `${formatCount(stayed, 'file', 'files')} stayed as they were; ${changed} changed, ${gone} gone, ${counts.new} new`,
    )
    return 1
  } finally {
    await output.discard()
  }
}

/** The files of one side in order, and a promise that rejects unless they are those that were signed. */
function openSide(target: Target, tree: Tree, options: ReceiptOptions, io: Io) {
  const channel = createChannel<File>(FILES_AHEAD)
  const onFile = async (name: string, digest: string) => {
    channel.add([name, digest])
    await channel.whenRoom()
  }
  const { prefix } = tree
  const whole = readFiles(target, { prefix, onFile }, options, io).then((read) =>
    requireOf(read, tree, target),
  )
  whole.then(() => channel.end(), channel.end)
  return { files: channel, whole, leave: () => channel.cancel() }
}

/** What became of each name, in order, from one side to the other. */
async function* merge(
  before: Pick<ReturnType<typeof createChannel<File>>, 'next'>,
  after: Pick<ReturnType<typeof createChannel<File>>, 'next'>,
): AsyncGenerator<readonly ['stayed' | 'changed' | 'gone' | 'new', string]> {
  let [old, now] = [await before.next(), await after.next()]
  while (!old.done || !now.done) {
    const order = old.done ? 1 : now.done ? -1 : compareNames(old.value[0], now.value[0])
    if (order === 0 && !old.done && !now.done)
      yield [old.value[1] === now.value[1] ? 'stayed' : 'changed', old.value[0]]
    else if (order < 0 && !old.done) yield ['gone', old.value[0]]
    else if (!now.done) yield ['new', now.value[0]]
    if (order <= 0) old = await before.next()
    if (order >= 0) now = await after.next()
  }
}
