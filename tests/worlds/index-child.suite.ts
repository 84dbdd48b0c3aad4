import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type IndexFile, openIndexFile } from '../../runtime/node/digests/index-file.ts'
import { INDEX_RETRY_MS } from '../../runtime/node/limits.ts'

// Run by each host: prints as JSON how it handles a damaged and a locked digest index in the given directory.

const directory = process.argv.at(-1) ?? ''
let clock = 0
let notices: string[] = []

function open(path: string): IndexFile {
  const note = ({ notice }: { readonly notice: string | null }) => {
    const text = /(was damaged.*|cannot be used \(.*?\)|can be used again)/.exec(notice ?? '')?.[0]
    if (text !== undefined) notices.push(text)
  }
  return openIndexFile(path, note, { now: () => clock })
}

/** Writes a row, and returns the result. */
function tryOut(index: IndexFile, name: string) {
  const isWritten = index.write([{ name, identity: 'one', digest: '0'.repeat(64), readAt: 0 }])
  const names = index.readPage('', 10)?.map((row) => row.name) ?? null
  const reported = notices
  notices = []
  return { notices: reported, isWritten, names }
}

const path = join(directory, 'index.sqlite')
writeFileSync(path, 'x'.repeat(8192))
const index = open(path)
const damaged = tryOut(index, 'a')

const other = new DatabaseSync(path)
other.exec('BEGIN IMMEDIATE')
const locked = tryOut(index, 'b')
other.exec('COMMIT')
other.close()
clock += INDEX_RETRY_MS
const free = tryOut(index, 'b')
index.close()

const second = join(directory, 'second.sqlite')
const holder = new DatabaseSync(second)
holder.exec('CREATE TABLE other (x)')
holder.exec('BEGIN EXCLUSIVE')
const waiting = open(second)
const lockedAtFirst = tryOut(waiting, 'c')
holder.exec('COMMIT')
holder.close()
clock += INDEX_RETRY_MS
const freeAtLast = tryOut(waiting, 'c')
waiting.close()

console.log(JSON.stringify({ damaged, locked, free, lockedAtFirst, freeAtLast }))
