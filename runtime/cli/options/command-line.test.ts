import { expect, test } from 'vitest'
import { COMMANDS } from '../commands.ts'
import { createStage } from '../stage.suite.ts'
import { parseArguments } from './command.ts'
import { readOptions, toFlags, toGroups } from './declaration.ts'
import { DECLARATIONS } from './declarations.ts'
import { GET } from './get.ts'

const NAMES = DECLARATIONS.map(({ name }) => name)

test('every command that runs is declared', async () => {
  const declared = await Promise.all(Object.values(COMMANDS).map(({ declare }) => declare()))
  expect(Object.keys(COMMANDS)).toEqual(declared.map(({ name }) => name))
  expect(new Set(declared)).toEqual(new Set(DECLARATIONS))
})

test.each(NAMES)(
  'the help of %s is printed on standard output, by every way to request it, and fits a terminal',
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
  'the help of $name lists every flag, with an example and the exit statuses',
  async (declaration) => {
    const { stdout } = await createStage().run(['help', declaration.name])
    for (const [flag, { value, bare }] of Object.entries(toFlags(declaration)))
      expect(stdout).toMatch(
        new RegExp(
          `^ +(-\\w, )?--${flag}${value === undefined ? '' : bare !== undefined ? `\\[=${value}\\]` : ` ${value}`}( |$)`,
          'm',
        ),
      )
    expect(stdout).toMatch(/\nExamples:\n {2}vouch .*\n {6}\w/)
    expect(stdout).toMatch(/\nExit status: 0 /)
  },
)

test.each(DECLARATIONS)('the examples of $name are valid for the command', (declaration) => {
  const lines = Object.keys(declaration.examples)
  expect(lines.length).toBeGreaterThan(0)
  for (const line of lines) {
    const [vouch, name, ...args] = line
      .replace(/ [|>] .*/, '')
      .split(' ')
      .map((word) => word.replaceAll("'", ''))
    expect([vouch, name]).toEqual(['vouch', declaration.name])
    expect(parseArguments(args, declaration)).not.toBe('help')
  }
})

test('help lists every command in one line or two, and so does vouch alone, on standard error', async () => {
  const stage = createStage()
  const { status, stdout, stderr } = await stage.run(['--help'])
  expect([status, stderr]).toEqual([0, ''])
  for (const name of NAMES) expect(stdout).toMatch(new RegExp(`^  ${name} +\\w`, 'm'))
  for (const args of [['-h'], ['help']]) expect((await stage.run(args)).stdout).toBe(stdout)
  expect(await stage.run([])).toEqual({ status: 2, stdout: '', stderr: stdout })
})

test.each([
  [['chekc'], "vouch has no command 'chekc'; did you mean 'check'?"],
  [['help', 'plam'], "vouch has no command 'plam'; did you mean 'plan'?"],
  [['constructor'], `vouch has no command 'constructor'; it has ${NAMES.join(', ')}; see 'vouch --help'`],
  [['x\x1b[2J'], `vouch has no command 'x\\u{1b}[2J'; it has ${NAMES.join(', ')}; see 'vouch --help'`],
  [
    ['--coordinator', 'http://x', 'get'],
    "only --help and --version may stand before a command, got '--coordinator'; options go behind the command",
  ],
  [['get', 'a', '--replcia', 'a=.'], "get has no option '--replcia'; did you mean '--replica'?"],
  [['get', 'a', '--replcia=a=.'], "get has no option '--replcia'; did you mean '--replica'?"],
  [['check', '--silence', '3'], "check has no option '--silence'; did you mean '--silence-timeout'?"],
  [['check', '--no-json'], "check has no option '--no-json'; see 'vouch check --help'"],
  [['check', '--constructor'], "check has no option '--constructor'; see 'vouch check --help'"],
  [['get', 'a', '-x'], "get has no option '-x'; see 'vouch get --help'"],
  [['get', 'a', '--json=yes'], "--json takes no value, got 'yes'; leave it out"],
  [
    ['explain', 'my', 'file.txt'],
    "explain takes one NAME, got also 'file.txt'; put quotes around a name with blanks",
  ],
  [['man', 'x'], "man takes only options, got 'x'; see 'vouch man --help'"],
  [['completions'], 'completions takes bash, zsh, fish, got none'],
  [['completions', 'fsh'], "completions takes bash, zsh, fish, got 'fsh'; did you mean 'fish'?"],
])('vouch %j runs nothing, and prints in one line what would be right', async (args, line) => {
  const stage = createStage()
  expect(await stage.run(args)).toEqual({ status: 2, stdout: '', stderr: `vouch: ${line}\n` })
  expect(stage.files()).toEqual([])
})

test('an argument after -- is not an option, and a value may begin with a dash after =', async () => {
  const parse = (...args: string[]) => {
    const given = parseArguments(args, GET)
    if (given === 'help') throw new Error('no help was asked for')
    return { operand: given.operand, ...readOptions(GET, given) }
  }
  expect(parse('--', '--help')).toMatchObject({ operand: '--help' })
  expect(parse('--output=-x', 'a')).toMatchObject({ output: '-x', operand: 'a' })
  expect(parse('-o', '-', 'a')).toMatchObject({ output: '-' })
  expect(parse('-Oo', 'x')).toMatchObject({ output: 'x', remoteName: true })
  expect(parse('--replica', 'a=.', '--replica=b=.')).toMatchObject({
    replica: [{ id: 'a' }, { id: 'b' }],
  })
})

test('names and letters of options are unique in a command', () => {
  for (const declaration of DECLARATIONS) {
    const names = toGroups(declaration).flatMap(({ flags }) => Object.keys(flags))
    const letters = Object.values(toFlags(declaration)).flatMap(({ short }) => short ?? [])
    for (const words of [names, ['h', ...letters]]) expect(new Set(words).size).toBe(words.length)
  }
})
