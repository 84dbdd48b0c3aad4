/**
 * What attackers put behind `/files/`, as the bytes of a request target (one character a byte). None of it
 * names a file that is served, but for those that come down to `honest.txt` or `dir/file.txt` by the URL
 * standard. `canary.txt` lies beside the root, `secret.txt` below `.vouch/`; the links, the FIFO and the
 * socket are those that `writeTrap` makes.
 */
export const PATH_ATTACKS: Readonly<Record<string, readonly string[]>> = {
  'dot segments': [
    ...['../canary.txt', 'dir/../../canary.txt', './honest.txt', 'dir/./file.txt', '.', '..', '', '/', '//'],
    ...[
      '../root/honest.txt',
      '../root-sibling/canary.txt',
      'honest.txt/../../canary.txt',
      'x/../../canary.txt',
    ],
    ...[
      '..//canary.txt',
      '/../canary.txt',
      '..;/canary.txt',
      '....//canary.txt',
      '.../canary.txt',
      '. ./canary.txt',
    ],
  ],
  'encoded dots': [
    ...['%2e%2e/canary.txt', '%2E%2e/canary.txt', '.%2e/canary.txt', '%2e./canary.txt', '%2e/honest.txt'],
    ...['dir/%2e%2e/%2e%2e/canary.txt', 'dir/%2e%2e/../canary.txt', '%2e%2e', '%2e', 'dir/%2e'],
  ],
  'encoded slashes': [
    ...[
      '..%2fcanary.txt',
      '..%2Fcanary.txt',
      '%2e%2e%2fcanary.txt',
      'dir%2ffile.txt',
      'dir%2f..%2f..%2fcanary.txt',
    ],
    ...['%2fetc%2fpasswd', '%2f', 'dir%2f', '.vouch%2fsecret.txt'],
  ],
  'double encoding': [
    ...['%252e%252e/canary.txt', '%252e%252e%252fcanary.txt', '..%252fcanary.txt', '..%255ccanary.txt'],
    ...['%25252e%25252e%25252fcanary.txt', '%%32%65%%32%65/canary.txt', '%%35%63..%%35%63canary.txt'],
    ...['%2%65%2%65/canary.txt', '%252evouch/secret.txt', '%2568onest.txt'],
  ],
  'overlong and broken UTF-8': [
    ...[
      '%c0%ae%c0%ae/canary.txt',
      '..%c0%afcanary.txt',
      '%c0%ae%c0%ae%c0%afcanary.txt',
      '..%c1%9ccanary.txt',
    ],
    ...[
      '%e0%80%ae%e0%80%ae/canary.txt',
      '..%e0%80%afcanary.txt',
      '..%f0%80%80%afcanary.txt',
      '..%c0%2fcanary.txt',
    ],
    ...[
      '..%fc%80%80%80%80%afcanary.txt',
      '%c0%80',
      'honest.txt%c0%80',
      '%ed%a0%80',
      '%f4%90%80%80',
      '%ff',
      '%80',
    ],
    ...['\xc0\xae\xc0\xae/canary.txt', '..\xc0\xafcanary.txt', '\xff', '\xed\xa0\x80', '\xe2\x80'],
    ...['%uff0e%uff0e/canary.txt', '..%u2215canary.txt', '%', '%2', '%zz', '%2e%2e%', 'honest.txt%'],
  ],
  backslashes: [
    ...[
      '..\\canary.txt',
      '..%5ccanary.txt',
      '..%5Ccanary.txt',
      '%5c..%5ccanary.txt',
      'dir\\file.txt',
      'dir%5cfile.txt',
    ],
    ...[
      '..\\/canary.txt',
      '../\\canary.txt',
      '..%5c/canary.txt',
      '\\\\host\\share',
      '%5c%5chost%5cshare',
      '%5c',
    ],
  ],
  'NUL and other controls': [
    ...[
      'honest.txt%00',
      'honest.txt%00.png',
      '%00',
      '../canary.txt%00.txt',
      'link.txt%00',
      '..%00/canary.txt',
    ],
    ...[
      '.vouch%00/secret.txt',
      '..%09/canary.txt',
      '..%0d%0a/canary.txt',
      '..%7f/canary.txt',
      '%0a',
      '..%20/canary.txt',
    ],
    ...['honest.txt%0d%0aX-Injected:%201', 'honest.txt\x01', 'honest.txt\x7f'],
  ],
  'absolute paths and what shells take for more': [
    ...[
      '/etc/passwd',
      '//etc/passwd',
      'file:///etc/passwd',
      'http://127.0.0.1/canary.txt',
      '~/canary.txt',
      '~root',
    ],
    ...[
      '$HOME/canary.txt',
      '$(cat%20../canary.txt)',
      '`cat%20../canary.txt`',
      '|cat%20../canary.txt',
      '*',
      'h?nest.txt',
    ],
    ...['{honest,canary}.txt', '-', '--help', '__proto__', 'constructor', 'honest.txt;../canary.txt'],
  ],
  'drives, devices and streams': [
    ...[
      'C:/canary.txt',
      'C:%5ccanary.txt',
      'c:canary.txt',
      '%5c%5c?%5cC:%5ccanary.txt',
      '%5c%5c.%5cCOM1',
      '//?/C:/canary',
    ],
    ...[
      'CON',
      'NUL',
      'nul.txt',
      'COM1',
      'LPT1.txt',
      'AUX',
      'honest.txt::$DATA',
      'honest.txt:stream',
      'HONEST~1.TXT',
    ],
  ],
  'look-alikes of dot, slash and backslash': [
    ...[
      '%ef%bc%8e%ef%bc%8e/canary.txt',
      '..%ef%bc%8fcanary.txt',
      '..%ef%bc%bccanary.txt',
      '..%e2%88%95canary.txt',
    ],
    ...[
      '..%e2%81%84canary.txt',
      '%e2%80%a4%e2%80%a4/canary.txt',
      '%e2%80%a5/canary.txt',
      '%e2%80%a6/canary.txt',
    ],
    ...[
      '.%e2%80%8b./canary.txt',
      '..%e2%80%8b/canary.txt',
      '%e2%80%ae../canary.txt',
      '%ef%bb%bf../canary.txt',
    ],
    ...[
      '%ef%bc%8evouch/secret.txt',
      '.%ef%bd%96ouch/secret.txt',
      '.vou%c2%adch/secret.txt',
      'honest%ef%bc%8etxt',
    ],
    ...['honest%e2%80%a4txt', 'hone%ef%ac%86.txt', 'honest.t%cc%81xt', 'hon%c3%a9st.txt', 'hone%cc%81st.txt'],
  ],
  'trailing dots, slashes and blanks': [
    ...[
      'honest.txt/',
      'honest.txt.',
      'honest.txt%20',
      'honest.txt/.',
      'honest.txt/..',
      'honest.txt//',
      'honest.txt/x',
    ],
    ...['dir', 'dir/', 'dir//file.txt', 'dir/.', 'dir/file.txt/', 'HONEST.TXT', 'Dir/file.txt'],
  ],
  "vouch's own files": [
    ...[
      '.vouch/secret.txt',
      '.vouch',
      '.vouch/',
      '%2evouch/secret.txt',
      '.%76ouch/secret.txt',
      './.vouch/secret.txt',
    ],
    ...[
      'dir/../.vouch/secret.txt',
      '/.vouch/secret.txt',
      '.VOUCH/secret.txt',
      '.Vouch/secret.txt',
      '.vouch./secret.txt',
    ],
    ...[
      '.vouch%20/secret.txt',
      '.vouch//secret.txt',
      '.vouch/./secret.txt',
      '.vouch;/secret.txt',
      'vouch-link/secret.txt',
    ],
  ],
  'links out of the root': [
    ...[
      'link.txt',
      'absolute-link.txt',
      'link-dir/canary.txt',
      'link-dir/root/honest.txt',
      'dir/link-up/canary.txt',
    ],
    ...[
      'dir/link-up/link-dir/canary.txt',
      'proc/self/environ',
      'proc/self/root/etc/hostname',
      'loop',
      'loop/x',
    ],
    ...[
      'dangling',
      'dangling/x',
      'link.txt/',
      'link-dir',
      'link-dir/',
      'link-dir/../canary.txt',
      'link%2etxt',
    ],
  ],
  'other than a regular file': ['fifo', 'fifo/', 'fifo/x', 'socket', 'socket/x', 'dir/fifo', '%66ifo'],
  'great lengths': [
    ...[
      'a'.repeat(256),
      'a'.repeat(1025),
      'a'.repeat(9000),
      'a/'.repeat(600),
      '%61'.repeat(3000),
      'a'.repeat(70_000),
    ],
    ...[
      `${'../'.repeat(2000)}canary.txt`,
      `${'%2e%2e/'.repeat(1000)}canary.txt`,
      `${'dir/../'.repeat(500)}canary.txt`,
    ],
    ...[
      `${`${'x'.repeat(255)}/`.repeat(40)}x`,
      '/'.repeat(5000),
      '.'.repeat(5000),
      '%'.repeat(5000),
      '%00'.repeat(2000),
    ],
    ...['%f0%9f%98%80'.repeat(64), '%c3%a9'.repeat(128)],
  ],
  'queries and fragments': [
    ...[
      'honest.txt?/../../canary.txt',
      'honest.txt#/../../canary.txt',
      '..?/canary.txt',
      '../canary.txt#x',
      '?../canary.txt',
    ],
    ...[
      '%3f/../../canary.txt',
      'honest.txt%3f',
      'honest.txt%23',
      'honest.txt?version=../canary.txt',
      'x?replica=../x',
    ],
  ],
}

/** Whole request targets that lead elsewhere than `/files/`. */
export const TARGET_ATTACKS: readonly string[] = [
  ...[
    '/../canary.txt',
    '/files/../../canary.txt',
    '//canary.txt',
    '/files/..;/../canary.txt',
    '/./files/../canary.txt',
  ],
  ...[
    'http://x/files/../canary.txt',
    'http://x/../canary.txt',
    'file:///etc/passwd',
    '*',
    '?',
    '/',
    '/..',
    '/%2e%2e',
  ],
  ...[
    '/files%2f..%2fcanary.txt',
    '/FILES/../canary.txt',
    '/files\\..\\canary.txt',
    '\\files\\honest',
    'canary.txt',
  ],
  ...[
    '/files?prefix=../',
    '/files?prefix=..%2f&after=..',
    '/files?prefix=/etc/',
    '/files?prefix=.vouch/',
    '/files?after=%00',
  ],
  ...[
    '/files?prefix=link-dir/',
    '/files?prefix=dir/link-up/',
    '/files?limit=../x',
    '/files?prefix=%ff',
    '/files?prefix=%c0%ae',
  ],
  ...[
    '/describe/../files/../canary.txt',
    '/replicas/../../canary.txt',
    '/healthz/../../canary.txt',
    '/files/..%00',
  ],
]

/** Every request target there is above. */
export const ATTACKS: readonly string[] = [
  ...Object.values(PATH_ATTACKS).flatMap((paths) => paths.map((path) => `/files/${path}`)),
  ...TARGET_ATTACKS,
]

/** The attacks on paths as names for a storage: unchanged, and decoded as often as possible. */
export function toNames(): string[] {
  const paths = Object.values(PATH_ATTACKS).flat()
  return [...new Set(paths.flatMap((path) => [path, decode(path), decode(decode(path))]))]
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path.replaceAll(/%([0-9a-f]{2})/gi, (_all, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  }
}
