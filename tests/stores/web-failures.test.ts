import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createStage } from '../../runtime/cli/stage.suite.ts'
import { hasProgram } from '../operating/operating.suite.ts'
import { startNginx, WITH_LISTINGS } from './web-servers.suite.ts'

const hasNginx = hasProgram('nginx', 'a web server that fails for one file')
/** Long ago, so that times in the listing distinguish versions. */
const OLD = new Date('2026-01-01T00:00:00Z')

it.skipIf(!hasNginx)(
  'a file that a web server holds but does not list is neither reported missing there nor planned when another replica fails',
  async () => {
    const stage = createStage()
    for (const directory of ['local', 'web']) {
      mkdirSync(join(stage.cwd, directory))
      for (const name of ['.dot', 'f0', 'f1', 'f2']) {
        const path = join(stage.cwd, directory, name)
        writeFileSync(path, name)
        utimesSync(path, OLD, OLD)
      }
    }
    const directives = `${WITH_LISTINGS} location = /f1 { return 500; }`
    const nginx = await startNginx(join(stage.cwd, 'nginx'), join(stage.cwd, 'web'), directives)
    onTestFinished(() => nginx.stop())
    const replicas = ['--replica', 'local=./local', '--replica', `web=static+${nginx.url}/`]
    const env = { XDG_CACHE_HOME: join(stage.cwd, 'cache') }

    const checked = await stage.run(['check', '--all', ...replicas], { env })
    expect(checked.stdout.split('\n')).toContain('! .dot')
    expect(checked.stdout).not.toMatch(/^[-+]/m)
    expect(checked.stderr).toContain('status 500')
    expect(checked.status).toBe(2)

    const planned = await stage.run(['plan', ...replicas], { env })
    expect(JSON.parse(planned.stdout)).toMatchObject({ steps: [] })
    expect(planned.status).toBe(2)
  },
)
