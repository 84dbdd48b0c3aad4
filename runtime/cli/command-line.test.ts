import { expect, test } from 'vitest'
import { parseArguments } from './command.ts'
import { COMMANDS } from './commands.ts'
import { toFlags } from './declaration.ts'
import { createStage } from './stage.suite.ts'

const DECLARATIONS = COMMANDS.map(({ declaration }) => declaration)
const NAMES = DECLARATIONS.map(({ name }) => name)

test.each(NAMES)(
  'the help of %s is data, the same however it is asked for, and fits a terminal',
  async (name) => {
    const stage = createStage()
    const asked = [
      ['help', name],
      [name, '--help'],
      [name, '-h'],
      [name, '--nonsense', 'x', 'y', '--help'],
    ]
    const [first, ...others] = await Promise.all(asked.map((args) => stage.run(args)))
    expect(first).toMatchObject({ status: 0, stderr: '' })
    for (const other of others) expect(other).toEqual(first)
    expect(first?.stdout).toMatch(new RegExp(`^vouch ${name}: [^:]*\n\nUsage: vouch ${name}`))
    const wide = first?.stdout.split('\n').filter((line) => line.length > 80 && !line.startsWith('  vouch '))
    expect(wide).toEqual([])
    expect(stage.files()).toEqual([])
  },
)

test.each(DECLARATIONS)(
  'the help of $name tells of every flag, with an example and the exit statuses',
  async (declaration) => {
    const { stdout } = await createStage().run(['help', declaration.name])
    for (const [flag, { value }] of Object.entries(toFlags(declaration)))
      expect(stdout).toMatch(
        new RegExp(`^ +(-\\w, )?--${flag}${value === undefined ? '' : ` ${value}`}( |$)`, 'm'),
      )
    expect(stdout).toMatch(/\nExamples:\n {2}vouch .*\n {6}\w/)
    expect(stdout).toMatch(/\nExit status: 0 /)
  },
)

test.each(DECLARATIONS)('the examples of $name take what the command takes', (declaration) => {
  expect(declaration.examples.length).toBeGreaterThan(0)
  for (const { line } of declaration.examples) {
    const [vouch, name, ...args] = line
      .replace(/ [|>] .*/, '')
      .split(' ')
      .map((word) => word.replaceAll("'", ''))
    expect([vouch, name]).toEqual(['vouch', declaration.name])
    expect(parseArguments(args, declaration)).not.toBe('help')
  }
})

test('help tells of every command in one line or two, and so does vouch alone, on standard error', async () => {
  const stage = createStage()
  const { status, stdout, stderr } = await stage.run(['--help'])
  expect([status, stderr]).toEqual([0, ''])
  for (const name of NAMES) expect(stdout).toMatch(new RegExp(`^  ${name} +\\w`, 'm'))
  for (const args of [['-h'], ['help']]) expect((await stage.run(args)).stdout).toBe(stdout)
  expect(await stage.run([])).toEqual({ status: 2, stdout: '', stderr: stdout })
})

test('--version says which vouch this is', async () => {
  expect(await createStage().run(['--version'])).toEqual({ status: 0, stdout: 'vouch 0.1.0\n', stderr: '' })
})

test.each([
  [['chekc'], "vouch has no command 'chekc'; did you mean 'check'?"],
  [['help', 'plam'], "vouch has no command 'plam'; did you mean 'plan'?"],
  [['constructor'], `vouch has no command 'constructor'; it has ${NAMES.join(', ')}; see 'vouch --help'`],
  [['x\x1b[2J'], `vouch has no command 'x\\u{1b}[2J'; it has ${NAMES.join(', ')}; see 'vouch --help'`],
  [
    ['--coordinator', 'http://x', 'get'],
    "'--coordinator' stands before a command, where only --help and --version may stand",
  ],
  [['get', 'a', '--replcia', 'a=.'], "get has no option '--replcia'; did you mean '--replica'?"],
  [['get', 'a', '--replcia=a=.'], "get has no option '--replcia'; did you mean '--replica'?"],
  [['check', '--silence', '3'], "check has no option '--silence'; did you mean '--silence-timeout'?"],
  [['check', '--no-json'], "check has no option '--no-json'; see 'vouch check --help'"],
  [['check', '--constructor'], "check has no option '--constructor'; see 'vouch check --help'"],
  [['get', 'a', '-x'], "get has no option '-x'; see 'vouch get --help'"],
  [['get', 'a', '--json=yes'], "--json takes no value, got 'yes'; leave it out"],
  [
    ['get', 'my', 'file.txt'],
    "get takes one NAME, got also 'file.txt'; put quotes around a name with blanks",
  ],
  [['man', 'x'], "man takes nothing but options, got also 'x'; see 'vouch man --help'"],
  [['completions'], 'completions takes bash, zsh, fish, got none'],
  [['completions', 'fsh'], "completions takes bash, zsh, fish, got 'fsh'; did you mean 'fish'?"],
])('vouch %j runs nothing, and says in one line what would be right', async (args, line) => {
  const stage = createStage()
  expect(await stage.run(args)).toEqual({ status: 2, stdout: '', stderr: `vouch: ${line}\n` })
  expect(stage.files()).toEqual([])
})

test('what comes behind -- is no option, and a value that begins with a dash is taken behind =', async () => {
  const [get] = DECLARATIONS
  if (get === undefined) throw new Error('get is the first')
  expect(parseArguments(['--', '--help'], get)).toMatchObject({ operands: ['--help'] })
  expect(parseArguments(['--output=-x', 'a'], get)).toMatchObject({
    flags: { output: '-x' },
    operands: ['a'],
  })
  expect(parseArguments(['-o', '-', 'a'], get)).toMatchObject({ flags: { output: '-' } })
  expect(parseArguments(['-Oo', 'x'], get)).toMatchObject({ flags: { output: 'x', 'remote-name': true } })
  expect(parseArguments(['--replica', 'a=.', '--replica=b=.'], get)).toMatchObject({
    flags: { replica: ['a=.', 'b=.'] },
  })
})

test('a name of an option is one thing only, and so is its letter', () => {
  for (const declaration of DECLARATIONS) {
    const names = declaration.groups.flatMap(({ flags }) => Object.keys(flags))
    const letters = Object.values(toFlags(declaration)).flatMap(({ short }) => short ?? [])
    for (const words of [names, ['h', ...letters]]) expect(new Set(words).size).toBe(words.length)
  }
})
