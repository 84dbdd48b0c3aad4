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
status N; \`short\` or \`mixed\` with exit status 0 is in bold. \`asks once\`: one request for the whole; \`starts over\`: does not
resume. Given \`/pinned/NAME\`, or where that leads:

    curl -fsS -o /dev/null -w '%{redirect_url}' http://127.0.0.1:6001/pinned/NAME
`

const AFTER = `What is the client's, and what to do:

- qemu-img, GDAL, ffmpeg and zckdl ask the address that they were given again for each part: give them the one to which the
  pinned one leads. \`rclone copyto :http:\` does so too, and drops a query: use \`rclone copyurl\`.
- To resume, keep the address to which the pinned one led, and give the program that.
- wget2 takes a body that ends early for the whole, and exits with 0; axel does so with \`-n1\`. wget2 -c exits with 0 on a
  conflict, and writes no file.
- \`does not end\`: it goes on asking for what is refused or cut, and was stopped after 100 requests, or twenty seconds.

Trees, by their plain addresses (\`tests/clients/trees.test.ts\`): wget -r and lftp mirror copy everything but the files whose copies
differ, and exit with 8 and 1. rclone copy does so with \`--http-no-head\`, and exits with 1; without, it leaves out in silence each
file whose HEAD fails, and exits with 0. git clone fails with 128 when the copies of an object that it needs differ.
apt-get fails with 100 where the copies of a package differ; where those of \`InRelease\` or \`Packages\` do, \`update\` is sure to fail
only with \`-o APT::Update::Error-Mode=any\`. In a repository that is \`[trusted=yes]\`, apt takes a \`Release\` that it does not
get for one that is not there, with that option too: sign it instead.

A browser opens a video in a player of its own, which asks for it by ranges. Chromium plays and seeks one of 200 MB while a replica is
down, and given the pinned address it ends in an error when the copies change (\`tests/browser/browser-video.test.ts\`). By the plain
address it goes on in the new content without a word (\`findings/chromium-video-joins-two-contents.sh\`).
`
