import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { settle, toName, warmPageCache, writeTrees } from './harness/files.ts'
import { execute, findFreePort, type Workshop, withWorkshop } from './harness/processes.ts'
import { type Measurement, report, runRounds } from './harness/runner.ts'
import { startCoordinator } from './harness/servers.ts'

const USAGE = `node bench/downloads.ts [options]: measure vouch get of many small files beside rclone

  --rounds N        how often each is measured (5)
  --files N         how many files of 4 KiB (2000)
  --output DIR      a directory to write below, such as one on tmpfs: vouch syncs the file system at the end (beside the trees)

A coordinator compares two directories; nginx serves one of them to rclone. The first row of vouch writes into an empty
directory, the second finds all files there; the floor is a bare program that asks the same coordinator. Prints Markdown. Requires nginx and rclone.
`
const PROGRAM = fileURLToPath(new URL('../dist/command/vouch.js', import.meta.url))
const BYTES = 4096
const FLOOR_PROGRAM = fileURLToPath(new URL('floors/downloads.cjs', import.meta.url))
const [FIRST, AGAIN, FLOOR, RCLONE] = [
  'vouch get --files-from',
  'vouch get --files-from, again',
  'floor of get --files-from',
  'rclone copy, http',
]

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    files: { type: 'string', default: '2000' },
    output: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
})

if (values.help) process.stdout.write(USAGE)
else process.exitCode = await withWorkshop(measure)

async function measure(workshop: Workshop): Promise<number> {
  const { scratch } = workshop
  const trees = ['a', 'b'].map((tree) => join(scratch, tree))
  const names = Array.from({ length: Number(values.files) }, (_, nth) => toName(nth))
  writeTrees(trees, { files: names.length, sizeOf: () => BYTES })
  await settle()
  await warmPageCache(trees.flatMap((tree) => names.map((name) => join(tree, name))))
  const list = join(scratch, 'names')
  writeFileSync(list, names.join('\n'))
  const coordinator = await startCoordinator(workshop, trees, {
    program: PROGRAM,
    cache: join(scratch, 'cache'),
  })
  const nginx = await startNginx(workshop, trees[0] ?? '')
  const output = mkdtempSync(join(values.output ?? scratch, 'out-'))
  let runs = 0
  // A file system is slow to make files where others were just removed.
  const toNew = () => join(output, String(runs++))
  const measurements: Measurement[] = [
    {
      rows: [FIRST, AGAIN],
      async run() {
        const get = [PROGRAM, 'get', '--files-from', list, '-o', toNew(), '--coordinator', coordinator.url]
        return { [FIRST]: await time(process.execPath, get), [AGAIN]: await time(process.execPath, get) }
      },
    },
    {
      rows: [FLOOR],
      run: async () => ({
        [FLOOR]: await time(process.execPath, [FLOOR_PROGRAM, list, toNew(), coordinator.url]),
      }),
    },
    {
      rows: [RCLONE],
      async run() {
        const copy = ['copy', '--config', '/dev/null', '--http-url', nginx, ':http:', toNew()]
        return { [RCLONE]: await time('rclone', copy) }
      },
    },
  ]
  const rounds = { rounds: Number(values.rounds), warmMs: 0 }
  const results = await runRounds(measurements, rounds).finally(() => rmSync(output, { recursive: true }))
  const toRatio = (of: string) => ({ what: `${of} / ${RCLONE}`, of, over: RCLONE, column: 'seconds' })
  const ratios = [{ ...toRatio(FIRST), atMost: 1 }, toRatio(FLOOR)]
  return report({ [`${names.length} files`]: [FIRST, AGAIN, FLOOR, RCLONE] }, ratios, results)
}

async function time(program: string, args: readonly string[]) {
  const start = performance.now()
  await execute(program, args)
  return { seconds: (performance.now() - start) / 1000 }
}

/** Starts nginx over a directory; resolves with its address. */
async function startNginx(workshop: Workshop, root: string): Promise<string> {
  const port = await findFreePort()
  const directory = join(workshop.scratch, 'nginx')
  mkdirSync(directory)
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${join(directory, kind)};`,
  )
  const config = [
    'daemon off; master_process off;',
    `pid ${join(directory, 'pid')}; error_log ${join(directory, 'error')};`,
    `events {} http { access_log off; sendfile on; ${paths.join(' ')}`,
    `server { listen 127.0.0.1:${port}; root ${root}; autoindex on; } }`,
  ]
  const path = join(directory, 'nginx.conf')
  writeFileSync(path, config.join('\n'))
  return (await workshop.start('nginx', 'nginx', ['-c', path, '-e', join(directory, 'error')], { port })).url
}
