import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { decodeBytes, encodeBytes } from '../../functions/storage/byte-names.ts'
import type { ListFormat } from '../../functions/storage/lists/list-options.ts'

/** Valid names that programs write, or read, in different ways. */
export const AWKWARD: readonly string[] = [
  ...['plain.txt', 'two words.txt', ' lead', 'trail ', '*star', 'new\nline', 'end\n', 'cr\rhere', 'cr-end\r'],
  ...['100%', '%0A', 'caf\u00e9', 'cafe\u0301', '; semi', '#hash', 'dir/deep', 'dir/ x', '. /dots', 'a,b'],
  ...['par)en = (x', '\u240a', '\ufffd', 'q?mark', 'Uname', 'deadbeef'],
]

/** Names that are not valid, in the text of `decodeBytes`. */
export const INVALID: readonly string[] = ['back\\slash', decodeBytes(Uint8Array.of(0x72, 0xff))]

export function toContent(name: string): Buffer {
  return Buffer.concat([Buffer.from('content of '), encodeBytes(name)])
}

/** Writes a file for each of these names, and nothing else. */
export function plantTree(root: string): void {
  for (const name of [...AWKWARD, ...INVALID]) {
    const path = Buffer.concat([Buffer.from(`${root}/`), encodeBytes(name)])
    mkdirSync(dirname(path.toString()), { recursive: true })
    writeFileSync(path, toContent(name))
  }
}

/** What is to be expected of a name: read right, refused in words, or counted as passed. */
export type Outcome = 'read' | 'refused' | 'passed' | 'absent'

/** A program that writes lists. */
export interface Writer {
  readonly title: string
  /** A shell script that prints the list of the tree in which it runs; `$1` is a directory of its own. */
  readonly script: string
  /** What the list is called. */
  readonly name: string
  readonly format?: ListFormat
  /** Whether it is a manifest of the bag in `$1/bag`, whose files have names below `data/`. */
  readonly isBag?: boolean
  /** The names that are not read, or not passed. */
  readonly except?: Readonly<Record<string, Outcome>>
  /** Why the list is refused as a whole. */
  readonly refusal?: RegExp
}

/** The files of the tree as arguments, in byte order, without `./`. */
const EACH = "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0"

const LF = ['new\nline', 'end\n'] as const

function refuse(...names: readonly string[]): Record<string, Outcome> {
  return Object.fromEntries(names.map((name) => [name, 'refused']))
}

/**
 * The comments describe a name with a line end in two lines; the line after one that is not understood may be
 * the rest of its name; and `; semi` looks like a comment.
 */
const SFV = refuse(...LF, ' lead', '; semi', 'Uname')

/**
 * Every writer, the options with which its list is read, and what comes of the names that are not simply
 * read.
 */
export const WRITERS: readonly Writer[] = [
  { title: 'sha256sum', script: `${EACH} sha256sum`, name: 'SHA256SUMS' },
  { title: 'sha256sum -b', script: `${EACH} sha256sum -b`, name: 'SHA256SUMS' },
  { title: 'sha256sum --tag', script: `${EACH} sha256sum --tag`, name: 'list' },
  {
    title: 'sha256sum --zero',
    script: `${EACH} sha256sum --zero`,
    name: 'SHA256SUMS',
    except: refuse('end\n'),
  },
  {
    title: 'sha256sum --zero, named',
    script: `${EACH} sha256sum --zero`,
    name: 'SHA256SUMS',
    format: 'zero',
  },
  { title: 'sha256sum --tag --zero', script: `${EACH} sha256sum --tag --zero`, name: 'list' },
  { title: 'shasum', script: `${EACH} shasum -a 256`, name: 'SHA256SUMS' },
  { title: 'shasum -b', script: `${EACH} shasum -b -a 256`, name: 'SHA256SUMS' },
  { title: 'shasum --tag', script: `${EACH} shasum --tag -a 256`, name: 'list' },
  { title: 'shasum -U', script: `${EACH} shasum -U -a 256`, name: 'SHA256SUMS', refusal: /'shasum -U'/ },
  {
    title: 'busybox sha256sum',
    script: `${EACH} busybox sha256sum`,
    name: 'SHA256SUMS',
    except: refuse(...LF, '\u240a'),
  },
  { title: 'openssl dgst -r', script: `${EACH} openssl dgst -sha256 -r`, name: 'SHA256SUMS' },
  { title: 'openssl dgst', script: `${EACH} openssl dgst -sha256`, name: 'list', except: refuse(...LF) },
  { title: 'sha512sum', script: `${EACH} sha512sum`, name: 'SHA512SUMS' },
  { title: 'sha1sum --tag', script: `${EACH} sha1sum --tag`, name: 'list' },
  { title: 'md5sum, as debsums has it', script: `${EACH} md5sum`, name: 'a.md5sums' },
  { title: 'b3sum', script: `${EACH} b3sum`, name: 'B3SUMS', except: refuse('\ufffd') },
  {
    title: 'xxhsum',
    script: `${EACH} xxhsum -H1`,
    name: 'list',
    refusal: /XXH64, XXH3, which vouch does not compute/,
  },
  {
    title: 'xxhsum -H2',
    script: `${EACH} xxhsum -H2`,
    name: 'list',
    refusal: /MD5, XXH128, so add \?algorithm=md5/,
  },
  { title: 'cksfv', script: `${EACH} cksfv --`, name: 'a.sfv', except: SFV },
  { title: 'rhash --sfv', script: `${EACH} rhash --sfv --`, name: 'a.sfv', except: SFV },
  {
    title: 'rhash --sha256',
    script: `${EACH} rhash --sha256 --`,
    name: 'SHA256SUMS',
    except: refuse(...LF, '\u240a'),
  },
  { title: 'rhash --bsd', script: `${EACH} rhash --bsd --sha256 --`, name: 'list', except: refuse(...LF) },
  { title: 'hashdeep', script: 'hashdeep -l -r -c sha256 .', name: 'list', except: refuse(...LF) },
  { title: 'hashdeep of MD5', script: 'hashdeep -l -r -c md5 .', name: 'list', except: refuse(...LF) },
  {
    title: 'sha256deep -l',
    script: 'sha256deep -l -r .',
    name: 'SHA256SUMS',
    except: refuse(...LF, '\u240a'),
  },
  {
    title: 'rclone',
    script: 'rclone hashsum sha256 . --config /dev/null',
    name: 'SHA256SUMS',
    format: 'rclone',
  },
  {
    title: 'rclone, unnamed',
    script: 'rclone hashsum sha256 . --config /dev/null',
    name: 'SHA256SUMS',
    except: refuse(...LF, 'cr\rhere', 'cr-end\r', '\u240a'),
  },
  { title: 'mtree', script: 'mtree -c -k type,size,time,sha256 -p .', name: 'spec' },
  {
    title: 'mtree -C',
    script: 'mtree -c -k type,size,time,sha256,md5 -p . | mtree -C -k type,size,sha256',
    name: 'spec',
  },
  {
    title: 'bsdtar --format=mtree',
    script:
      "bsdtar -cf - --format=mtree --options='mtree:!all,mtree:type,mtree:size,mtree:time,mtree:sha256' .",
    name: 'spec',
  },
  {
    title: 'bagit-fs',
    script: '"$NODE" -e "$BAGIT_FS" "$MODULE" "$1"',
    name: 'manifest-sha256.txt',
    isBag: true,
    except: refuse(...LF, '%0A'),
  },
  {
    title: 'borg list',
    script: `export BORG_BASE_DIR="$1" BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
      borg init -e none "$1/repo" >&2 && borg create "$1/repo::a" . && borg list --format '{sha256} {path}{NL}' "$1/repo::a"`,
    name: 'list',
    format: 'borg',
    except: refuse(...LF, 'q?mark'),
  },
  {
    title: 'borg list --json-lines',
    script: `export BORG_BASE_DIR="$1" BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
      borg list --json-lines --format '{sha256}{size}{mtime}' "$1/repo::a"`,
    name: 'list',
    except: refuse('q?mark', '\ufffd'),
  },
]

/** As bagit-fs makes a bag of the tree. */
const BAGIT_FS = `
  const { mkdirSync, readdirSync, readFileSync } = require('node:fs')
  const { dirname, join } = require('node:path')
  const [module, own] = process.argv.slice(1)
  const bag = require(module)(join(own, 'bag'), 'sha256', { 'Contact-Name': 'x' })
  const add = (name) => new Promise((resolve, reject) => {
    mkdirSync(dirname(join(own, 'bag/data', name)), { recursive: true })
    bag.createWriteStream('/' + name).on('finish', resolve).on('error', reject).end(readFileSync(name))
  })
  const isFile = (name) => { try { readFileSync(name); return true } catch { return false } }
  readdirSync('.', { recursive: true }).filter(isFile).reduce((done, name) => done.then(() => add(name)), Promise.resolve())
    .then(() => bag.finalize(() => process.stdout.write(readFileSync(join(own, 'bag/manifest-sha256.txt')))))`

/** Runs the script of a writer in the tree; its complaints are its own affair. */
export function write({ script }: Writer, root: string, own: string): Uint8Array {
  const bagitFs = {
    BAGIT_FS,
    MODULE: createRequire(import.meta.url).resolve('bagit-fs'),
    NODE: process.execPath,
  }
  const env = { PATH: process.env['PATH'], HOME: own, LC_ALL: 'C.UTF-8', ...bagitFs }
  // xargs exits with 123 when a program could not read one of the files.
  return execFileSync('bash', ['-c', `${script}; true`, 'list', own], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 1 << 24,
  })
}
