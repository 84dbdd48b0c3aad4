import { expect, test } from 'vitest'
import { type DestinationOptions, parseDestination, toWindowsName } from './destination.ts'

test.each([
  ['plain.txt', 'plain.txt'],
  ['ünï.tar.gz', 'ünï.tar.gz'],
  ['C:autoexec.bat', 'C_autoexec.bat'],
  ['file.txt:stream', 'file.txt_stream'],
  ['a<b>"c|d?e*f\\g', 'a_b__c_d_e_f_g'],
  ['tab\there', 'tab_here'],
  ['dots...', 'dots___'],
  ['blank ', 'blank_'],
  ['CON', '_CON'],
  ['nul.txt', '_nul.txt'],
  ['Aux .tar.gz', '_Aux .tar.gz'],
  ['com1', '_com1'],
  ['LPT².log', '_LPT².log'],
  ['CONIN$', '_CONIN$'],
  ['console.log', 'console.log'],
  ['com10', 'com10'],
  ['a.con', 'a.con'],
])('%j becomes %j on Windows', (base, expected) => {
  expect(toWindowsName(base)).toBe(expected)
})

/** The destination of a file of that name, and of its version at `id`. */
function toPaths(flags: DestinationOptions, platform: NodeJS.Platform, name: string, id = 'server1') {
  const destination = parseDestination(flags, platform)
  return destination === 'stdout'
    ? destination
    : [destination.toPath(name), destination.toVersionPath(name, id)]
}

test('a name of a local file is made valid for Windows, only on Windows', () => {
  const own = { remoteName: true }
  expect(toPaths(own, 'win32', 'dir/nul.txt')).toEqual(['_nul.txt', 'server1_version.txt'])
  expect(toPaths(own, 'linux', 'dir/nul.txt')).toEqual(['nul.txt', 'server1_version.txt'])
  expect(toPaths({}, 'win32', 'a.b:c', 'con.x')).toEqual(['client_received.b_c', '_con.x_version.b_c'])
  expect(toPaths({}, 'linux', 'a.b:c', 'con.x')).toEqual(['client_received.b:c', 'con.x_version.b:c'])
})

test('a path from the user is unchanged', () => {
  expect(toPaths({ output: 'out/a:b' }, 'win32', 'f.txt')).toEqual(['out/a:b', 'out/server1_version.txt'])
  expect(toPaths({ output: '-' }, 'win32', 'f.txt')).toBe('stdout')
})

test('a directory is rejected as destination, in the syntax of its platform', () => {
  expect(() => toPaths({ output: 'out\\' }, 'win32', 'f')).toThrow(
    '--output takes the path of a file, or - for standard output',
  )
  expect(toPaths({ output: 'out\\' }, 'linux', 'f')).toEqual(['out\\', 'server1_version'])
})
