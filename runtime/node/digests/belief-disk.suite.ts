import type { Identity } from '../files/identity.ts'
import { SLOWEST_CALL_BYTES_PER_MS } from '../limits.ts'

// A file system that changes files in every way that real ones do. Only a history advances its time.

/** What a file system shows of changes. */
export interface Traits {
  /** Whether the first store through a mapping after a sync changes the times. */
  readonly showsStores: boolean
  /** Whether ctime is a time of its own, which only the system sets. */
  readonly hasCtime: boolean
  /** Milliseconds of one tick of its clock; 0 for nanoseconds. */
  readonly tick: number
  /** How long a stat is stale. */
  readonly lag: number
  /** Whether an image that was made again has the device, inodes and times of the one before. */
  readonly isImage: boolean
  /** How many times as long as is covered one call may take. */
  readonly slowness: number
  /** Whether the clock is set also where that is not covered: forward in a call, or back in coarse ticks. */
  readonly isClockFree: boolean
}

/** Something that happens to the files, beside the reader. */
export type Event = { readonly do: 'wait'; readonly ms: number } | { readonly do: 'remount' } | FileEvent

/** An event of one of them; `file` is the index of its name. */
type FileEvent =
  | { readonly do: 'store' | 'flush' | 'write' | 'replace' | 'restore times'; readonly file: number }
  /** One write(2) that lasts this part of the longest time that is covered. */
  | { readonly do: 'call'; readonly file: number; readonly part: number }
  | { readonly do: 'link'; readonly file: number; readonly to: number }

/** Bytes of each file: one call may take 8 s. */
const SIZE = 8 * 1024 * 1024
/** Names; two of them may be links to one file. */
const FILES = 2
const START_MS = 1_600_000_000_000

interface Inode {
  readonly number: bigint
  content: number
  modifiedNs: bigint
  changedNs: bigint
  /** Whether the next store through a mapping goes unseen: there was one since the last sync. */
  isDirty: boolean
  /** When a call that is under way ends, by the clock that is never set. */
  callEnds: number | null
  /** The results of stat, each with the time of that clock from which it was shown. */
  readonly shown: { readonly since: number; readonly identity: Identity }[]
}

/** The files of one file system with these traits. */
export function createDisk({ showsStores, hasCtime, tick, lag, isImage, slowness }: Traits) {
  let [mono, offset, stamps, contents, numbers] = [0, START_MS, 0n, 0, 0n]
  const names = Array.from({ length: FILES }, () => createInode(numbers++))

  function createInode(number: bigint): Inode {
    const inode: Inode = {
      ...{ number, content: contents++, modifiedNs: 0n, changedNs: 0n },
      ...{ isDirty: false, callEnds: null, shown: [] },
    }
    touch(inode)
    return inode
  }

  function at(name: number): Inode {
    const inode = names[name]
    if (inode === undefined) throw new Error(`there is no file ${name}`)
    return inode
  }

  /** Never the same twice where the clock has nanoseconds. */
  function stamp(): bigint {
    const now = mono + offset
    return tick === 0 ? BigInt(now) * 1_000_000n + 5000n * stamps++ : BigInt(now - (now % tick)) * 1_000_000n
  }

  function touch(inode: Inode): void {
    if (isImage && inode.shown.length > 0) return
    inode.modifiedNs = inode.changedNs = stamp()
    show(inode)
  }

  function show(inode: Inode): void {
    const { number, modifiedNs, changedNs } = inode
    const identity = { device: 1n, inode: number, size: SIZE, modifiedNs, changedNs }
    inode.shown.push({ since: mono, identity })
  }

  function write(inode: Inode): void {
    touch(inode)
    inode.content = contents++
  }

  function clean(inode: Inode): void {
    inode.isDirty = false
  }

  /** The changes of a call under way since. */
  function progress(inode: Inode): void {
    if (inode.callEnds === null) return
    inode.content = contents++
    if (inode.callEnds <= mono) inode.callEnds = null
  }

  function wait(ms: number): void {
    mono += ms
    for (const inode of new Set(names)) progress(inode)
  }

  function store(inode: Inode): void {
    if (showsStores && !inode.isDirty) touch(inode)
    inode.isDirty = true
    inode.content = contents++
  }

  function restoreTimes(inode: Inode): void {
    const earlier = inode.shown.findLast(({ identity }) => identity.modifiedNs < inode.modifiedNs)
    if (earlier === undefined) return
    inode.modifiedNs = earlier.identity.modifiedNs
    inode.changedNs = hasCtime ? stamp() : inode.modifiedNs
    show(inode)
  }

  /** Nothing is open any more, and all is written; an image may be another one by now. */
  function remount(): void {
    for (const inode of new Set(names)) {
      inode.isDirty = false
      inode.callEnds = null
      if (isImage) inode.content = contents++
    }
  }

  /** A file system gives the number of a file that was removed to the next one. */
  function toNextNumber(replaced: Inode): bigint {
    return names.filter((inode) => inode === replaced).length > 1 ? numbers++ : replaced.number
  }

  function change(event: FileEvent, inode: Inode): void {
    if (event.do === 'store') store(inode)
    if (event.do === 'flush') clean(inode)
    if (event.do === 'write') write(inode)
    if (event.do === 'replace') names[event.file] = createInode(toNextNumber(inode))
    if (event.do === 'restore times') restoreTimes(inode)
    if (event.do === 'link') names[event.to] = inode
    if (event.do === 'call') {
      write(inode)
      inode.callEnds = mono + Math.floor((slowness * event.part * SIZE) / SLOWEST_CALL_BYTES_PER_MS)
    }
  }

  function stat({ shown }: Inode): Identity {
    const [first] = shown
    const { identity } = shown.findLast(({ since }) => since <= mono - lag) ?? first ?? {}
    if (identity === undefined) throw new Error('a file has times from its start')
    return identity
  }

  return {
    now: () => mono + offset,
    mono: () => mono,
    isCalled: () => names.some(({ callEnds }) => callEnds !== null),
    setClock(ms: number): void {
      offset += ms
    },
    sync(): void {
      for (const inode of names) clean(inode)
    },
    /** A descriptor: its name may later refer to another file. */
    open(name: number) {
      const inode = at(name)
      return {
        stat: () => stat(inode),
        read: () => inode.content,
        sync: () => clean(inode),
      }
    },
    happen(event: Event): void {
      if (event.do === 'wait') wait(event.ms)
      else if (event.do === 'remount') remount()
      else change(event, at(event.file))
    },
  }
}
