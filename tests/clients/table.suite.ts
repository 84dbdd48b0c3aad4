import { execFileSync } from 'node:child_process'
import { CASES, type Case } from './cases.suite.ts'
import type { Address, Client } from './programs.suite.ts'

/** What each client came to, by `toKey`. */
export type Results = Map<string, string>

export function toKey(client: Client, address: Address, which: Case): string {
  return [client.name, address, which].join('\n')
}

/** The rows of the table: each client with each address that it is tried with. */
export function listRows(clients: readonly Client[]): { client: Client; address: Address }[] {
  return clients.flatMap((client) => client.addresses.map((address) => ({ client, address })))
}

/** The page, in Markdown; every client is installed, and has a result in every case. */
export function toPage(clients: readonly Client[], results: Results): string {
  const toCell = (client: Client, address: Address, which: Case) => {
    const result = results.get(toKey(client, address, which)) ?? 'not run'
    return /, 0$/.test(result) ? `**${result}**` : result
  }
  const lines = listRows(clients).map(({ client, address }) =>
    [
      '',
      ` \`${client.name}\` `,
      ` ${address} `,
      ...CASES.map((which) => ` ${toCell(client, address, which)} `),
      '',
    ].join('|'),
  )
  const head = ['| client | address |', ...CASES.map((which) => ` ${which} |`)].join('')
  const rule = `|${' --- |'.repeat(CASES.length + 2)}`
  return `${BEFORE}\n${[head, rule, ...lines].join('\n')}\n\n${listVersions(clients)}\n\n${AFTER}`
}

function listVersions(clients: readonly Client[]): string {
  const names = [...new Set(clients.map(({ debian }) => debian))].toSorted()
  const shown = names.map((name) => execFileSync('dpkg-query', ['--show', name], { encoding: 'utf8' }).trim())
  return `Debian's ${shown.join(', ').replaceAll('\t', ' ')}.`
}

const BEFORE = `# Clients

What other people's programs do with a coordinator over a directory and a replica server; \`npm run test:clients\` writes
this table. \`right\`: the bytes that the copies agreed on, exit status 0 (\`the new\`: those after the change); \`error N\`: exit
status N; \`short\` or \`mixed\` with exit status 0 is in bold. \`asks once\`: one request for the whole; \`begins anew\`: does not
resume. Given \`/pinned/NAME\`, or where that leads:

    curl -fsS -o /dev/null -w '%{redirect_url}' http://127.0.0.1:6001/pinned/NAME
`

const AFTER = `What is the client's, and what to do:

- qemu-img, GDAL, ffmpeg and zckdl ask the address that they were given again for each part: give them the one to which the
  pinned one leads. \`rclone copyto :http:\` does so too and takes no query: give it the plain address of a file that nobody
  changes meanwhile, or use \`rclone copyurl\`.
- wget2 and axel take a body that ends early for the whole, and exit 0. wget2 -c exits 0, with no file, on a conflict.
- \`does not end\`: it was stopped after ten seconds. wget2 with \`--chunk-size\`, axel and qemu-img go on asking for what is refused
  or cut.
- To resume, keep the address to which the pinned one led, and give the program that.

Trees, by their plain addresses: wget -r and lftp mirror copy everything but the names whose copies differ, and exit with 8 and 1.
rclone copy does so with \`--http-no-head\`, and exits with 1; without it, it leaves out in silence what it gets no HEAD of, and exits 0.
git clone fails with 128 when the copies of an object that it needs differ. apt-get fails with 100 where copies of a package differ;
where those of \`InRelease\` or \`Packages\` differ, \`update\` does so only with \`-o APT::Update::Error-Mode=any\`. A repository that
is \`[trusted=yes]\` needs no \`Release\`: apt takes a conflict in it for its absence, whatever the options, so do not trust it so.
`
