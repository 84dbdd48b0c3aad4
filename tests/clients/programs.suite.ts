export type Address = 'pinned' | 'version'

/** One way of getting a file with somebody else's program. */
export interface Client {
  /** As people would type it. */
  readonly name: string
  readonly program: string
  /** What Debian calls its package, or that of the module by which it speaks HTTP. */
  readonly debian: string
  /** Glob of that module. */
  readonly module?: string
  /** Arguments that write the content of an address to a path; it runs in a folder of its own. */
  get(url: string, path: string): readonly string[]
  /** Arguments that go on where `get` was interrupted; null for a program that starts over. */
  readonly resume: ((url: string, path: string) => readonly string[]) | null
  /** Whether it asks for parts of one content in several requests. */
  readonly asksForParts: boolean
  /** A content in a format that it reads; without, it takes any bytes. */
  readonly format?: Format
  /**
   * The addresses it is tried with: `pinned` is `/pinned/NAME`; `version` that to which it leads, for
   * programs that ask the address that they were given again for each part.
   */
  readonly addresses: readonly Address[]
  /** Whether it asks the pinned address for each part, and cannot be given another. */
  readonly isRefused?: true
  /** The name of the file that it writes, for one that cannot be told. */
  readonly writes?: (url: string) => string
}

interface Format {
  readonly extension: string
  readonly program: string
  /** Arguments that write a content to `path`: another for each `seed`, or for other `bytes`, a path. */
  make(path: string, bytes: string, seed: number): readonly string[]
}

const PINNED: readonly Address[] = ['pinned']
const BOTH: readonly Address[] = ['pinned', 'version']

const same = (get: Client['get']) => ({ get, resume: get })
const toLastPart = (url: string) => url.slice(url.lastIndexOf('/') + 1)

export const CLIENTS: readonly Client[] = [
  {
    name: 'curl -L -C -',
    program: 'curl',
    debian: 'curl',
    asksForParts: false,
    addresses: PINNED,
    ...same((url, path) => ['-fsSL', '-C', '-', '-o', path, url]),
  },
  {
    name: 'curl -L -C - --retry 1',
    program: 'curl',
    debian: 'curl',
    asksForParts: false,
    addresses: PINNED,
    ...same((url, path) => [
      ...'-fsSL --retry 1 --retry-all-errors --retry-delay 1 -C - -o'.split(' '),
      path,
      url,
    ]),
  },
  {
    name: 'wget -c',
    program: 'wget',
    debian: 'wget',
    asksForParts: false,
    addresses: PINNED,
    ...same((url, path) => ['-q', '-c', '--tries=2', '-O', path, url]),
  },
  {
    name: 'wget2 -c',
    program: 'wget2',
    debian: 'wget2',
    asksForParts: false,
    addresses: PINNED,
    ...same((url, path) => ['-q', '-c', '--tries=2', '-O', path, url]),
  },
  {
    name: 'wget2 --chunk-size=1M',
    program: 'wget2',
    debian: 'wget2',
    asksForParts: true,
    resume: null,
    addresses: PINNED,
    get: (url, path) => ['-q', '--tries=2', '--chunk-size=1M', '-O', path, url],
  },
  {
    name: 'aria2c -x4 -s4',
    program: 'aria2c',
    debian: 'aria2',
    asksForParts: true,
    addresses: PINNED,
    ...same((url, path) => [
      ...'-q -x4 -s4 -k1M -c --file-allocation=none --max-tries=2 -d / -o'.split(' '),
      path.slice(1),
      url,
    ]),
  },
  {
    name: 'axel -n4',
    program: 'axel',
    debian: 'axel',
    asksForParts: true,
    addresses: PINNED,
    ...same((url, path) => ['-q', '-n4', '-o', path, url]),
  },
  {
    name: 'lftp pget -n4',
    program: 'lftp',
    debian: 'lftp',
    asksForParts: true,
    addresses: PINNED,
    get: (url, path) => ['-c', `${LFTP}; pget -n4 "${url}" -o "${path}"`],
    resume: null,
  },
  {
    name: 'lftp get -c',
    program: 'lftp',
    debian: 'lftp',
    asksForParts: false,
    addresses: PINNED,
    ...same((url, path) => ['-c', `${LFTP}; get -c "${url}" -o "${path}"`]),
  },
  {
    name: 'rclone copyurl',
    program: 'rclone',
    debian: 'rclone',
    asksForParts: false,
    addresses: PINNED,
    get: (url, path) => ['copyurl', '--retries=2', url, path],
    resume: null,
  },
  {
    name: 'rclone copyto :http:',
    program: 'rclone',
    debian: 'rclone',
    asksForParts: true,
    resume: null,
    addresses: PINNED,
    isRefused: true,
    get: (url, path) => [
      ...'copyto --retries=2 --multi-thread-cutoff=1M --multi-thread-streams=4 --http-url'.split(' '),
      url.slice(0, url.lastIndexOf('/') + 1),
      `:http:${toLastPart(url)}`,
      path,
    ],
  },
  {
    name: 'http -d -c',
    program: 'http',
    debian: 'httpie',
    asksForParts: false,
    addresses: PINNED,
    get: (url, path) => ['--ignore-stdin', '--check-status', '-F', '-d', '-o', path, url],
    resume: (url, path) => ['--ignore-stdin', '--check-status', '-F', '-d', '-c', '-o', path, url],
  },
  {
    name: 'qemu-img convert',
    program: 'qemu-img',
    debian: 'qemu-block-extra',
    asksForParts: true,
    resume: null,
    addresses: BOTH,
    module: '/usr/lib/*/qemu/block-curl.so',
    get: (url, path) => ['convert', '-f', 'raw', '-O', 'raw', url, path],
  },
  {
    name: 'gdal_translate /vsicurl/',
    program: 'gdal_translate',
    debian: 'gdal-bin',
    asksForParts: true,
    resume: null,
    addresses: BOTH,
    get: (url, path) => ['-q', '-of', 'ENVI', url.startsWith('http') ? `/vsicurl/${url}` : url, path],
    format: {
      program: 'gdal_create',
      extension: '.tif',
      make: (path, _bytes, seed) => [...'-ot Byte -outsize 2048 2048 -burn'.split(' '), `${seed + 1}`, path],
    },
  },
  {
    name: 'ffmpeg -xerror -c copy',
    program: 'ffmpeg',
    debian: 'ffmpeg',
    asksForParts: true,
    resume: null,
    addresses: BOTH,
    get: (url, path) => ['-v', 'error', '-xerror', '-y', '-i', url, '-c', 'copy', '-f', 'framemd5', path],
    format: {
      program: 'ffmpeg',
      extension: '.mp4',
      make: (path, _bytes, seed) => [
        ...'-v error -y -f lavfi -i'.split(' '),
        `testsrc2=size=640x480:rate=25,noise=alls=60:all_seed=${seed + 1}`,
        ...'-t 2 -c:v mpeg4 -b:v 8M'.split(' '),
        path,
      ],
    },
  },
  {
    name: 'zckdl',
    program: 'zckdl',
    debian: 'zchunk',
    asksForParts: true,
    resume: null,
    addresses: BOTH,
    get: (url) => ['-q', url],
    writes: toLastPart,
    format: { program: 'zck', extension: '.zck', make: (path, bytes) => ['-o', path, bytes] },
  },
]

const LFTP = 'set cmd:fail-exit true; set net:max-retries 2; set net:reconnect-interval-base 1'
