import type { FileSystem, Lack } from './file-systems.ts'
import type { Deed } from './writer.ts'

/**
 * A way in which another program changes a file and its size stays, and wherever that can be done, its times
 * too.
 */
export interface Case {
  /** Of the file. */
  readonly name: string
  /** The change, to follow "a file that is". */
  readonly title: string
  readonly setUp: Deed
  /** Done before the first request, so that its pages are dirty. */
  readonly stir?: Deed
  /** Done while the storage is open, and while it is not. */
  readonly changes: readonly [Deed, Deed]
  /** A required ability: a file system without it refuses the change, and the file stays. */
  readonly needs?: Lack
  /** The suffix of the name that is written, if it differs from the requested one. */
  readonly suffix?: string
  /** Done to the plain file behind the file system. */
  readonly isBehind?: boolean
  /** The content is computed from the text by a program: the oracle is a read. */
  readonly isOpaque?: boolean
  /** An error is an answer too: its size is known for a while as it was. */
  readonly mayFail?: boolean
  /** Only these; all when absent. */
  readonly only?: readonly string[]
}

/** Those that show a plain directory. */
const OVER_PLAIN = ['sshfs', 'bindfs', 'mergerfs', 'unionfs-fuse', 'rclone mount']

const CASES: readonly Case[] = [
  {
    name: 'rewritten',
    title: 'rewritten in place with its times put back by utimensat',
    ...{ setUp: 'make', changes: ['rewrite', 'rewrite'] },
  },
  {
    name: 'copied',
    title: 'overwritten by cp -p',
    ...{ setUp: 'make', changes: ['copy', 'copy'], needs: 'modes' },
  },
  {
    name: 'synced',
    title: 'overwritten by rsync -t --inplace',
    ...{ setUp: 'make', changes: ['rsync', 'rsync'] },
  },
  {
    name: 'renamed',
    title: 'renamed over by one with the same size and time',
    ...{ setUp: 'make', changes: ['rename', 'rename'] },
  },
  {
    name: 'truncated',
    title: 'truncated and written again with its times put back',
    ...{ setUp: 'make', changes: ['truncate', 'truncate'] },
  },
  {
    name: 'ranged',
    title: 'overwritten by copy_file_range with its times put back',
    ...{ setUp: 'make', changes: ['copy range', 'copy range'] },
  },
  {
    name: 'punched',
    title: 'half made a hole with its times put back',
    ...{ setUp: 'make', changes: ['punch', 'rewrite'], needs: 'holes' },
  },
  {
    name: 'reflinked',
    title: 'made a reflink of another with its times put back',
    ...{ setUp: 'make', changes: ['reflink', 'reflink'], needs: 'reflinks' },
  },
  {
    name: 'linked',
    title: 'written by its other name',
    ...{ setUp: 'link', changes: ['rewrite', 'rewrite'], needs: 'links', suffix: '.link' },
  },
  {
    name: 'mapped',
    title: 'stored into through a mapping whose page is dirty',
    ...{ setUp: 'map', stir: 'store', changes: ['store', 'store'] },
  },
  {
    name: 'lmdb/data',
    title: 'an LMDB environment with writemap and map_async',
    ...{ setUp: 'open lmdb', stir: 'stir lmdb', changes: ['put lmdb', 'put lmdb'], isOpaque: true },
    only: ['ext4', 'xfs', 'btrfs', 'overlay', 'tmpfs'],
  },
  {
    name: 'behind',
    title: 'rewritten behind the file system with its times put back',
    ...{ setUp: 'make', changes: ['rewrite', 'rewrite'], isBehind: true },
    only: OVER_PLAIN,
  },
  {
    name: 'grown',
    title: 'made longer behind the file system',
    ...{ setUp: 'make', changes: ['lengthen', 'lengthen'], isBehind: true, mayFail: true },
    only: OVER_PLAIN,
  },
]

/** Those that concern this file system. */
export function toCases({ name }: FileSystem): readonly Case[] {
  return CASES.filter(({ only }) => only?.includes(name) ?? true)
}
