import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AppEnv } from '../../functions/http/app.ts'
import type { AuditSummary } from '../../functions/wire/schemas/audit.ts'
import { createCoordinatorMetrics } from '../../runtime/node/observe/metrics.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import { execute, hasProgram } from './operating.suite.ts'

// The files to deploy, checked by the programs that read them.

const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url))
const canCheck = hasProgram(
  'promtool',
  'the rules, the scrape configuration and the dashboard for Prometheus',
)
const canAnalyze = hasProgram('systemd-analyze', 'the systemd units')

/** systemd's own scale from 0 to 10; it calls 2 and less `OK`. The units get 1.1 with systemd 252. */
const MOST_EXPOSED = '15'

const units = readdirSync(join(DEPLOY, 'systemd')).filter((name) => !name.endsWith('.conf'))
// sendmail runs as another user than the one that starts it.
const services = units.filter((name) => name.endsWith('.service') && name !== 'vouch-mail@.service')
const rules = join(DEPLOY, 'prometheus/rules.yaml')
const { path: directory, remove } = createTemporaryDirectory('vouch-deploy-')

beforeAll(() => {})

afterAll(remove)

const readDeployed = (path: string) => readFileSync(join(DEPLOY, path), 'utf8')

describe.skipIf(!canAnalyze)('the systemd units', () => {
  it('are valid for systemd, every line', async () => {
    for (const unit of units) {
      // The command is not installed here; three-vms.md verifies them where it is.
      const text = readDeployed(`systemd/${unit}`).replace('ExecStart=vouch', `ExecStart=${process.execPath}`)
      writeFileSync(join(directory, unit), text)
    }
    const dropIns = join(directory, 'vouch-replica.service.d')
    mkdirSync(dropIns)
    writeFileSync(join(dropIns, 'writable.conf'), readDeployed('systemd/writable.conf'))
    const paths = units.map((unit) => join(directory, unit))
    expect(await execute('systemd-analyze', ['verify', ...paths])).toEqual({ status: 0, said: '' })
  })

  it.each(services)('confine %s to what it needs', async (unit) => {
    const path = join(DEPLOY, 'systemd', unit)
    const options = ['--offline=true', `--threshold=${MOST_EXPOSED}`, '--no-pager']
    const { status, said } = await execute('systemd-analyze', ['security', ...options, path])
    expect(said).toMatch(/Overall exposure level for .*: [\d.]+ OK/)
    expect(status).toBe(0)
  })

  it.each(services)('run %s as a temporary user, on a read-only system', (unit) => {
    const text = readDeployed(`systemd/${unit}`)
    for (const line of [
      'DynamicUser=yes',
      'ProtectSystem=strict',
      'NoNewPrivileges=yes',
      'CapabilityBoundingSet=',
    ]) {
      expect(text.split('\n')).toContain(line)
    }
  })

  it('end a check that hangs, and write files that others can read', () => {
    expect(readDeployed('systemd/vouch-check.service')).toMatch(/^TimeoutStartSec=\d+h$/m)
    expect(readDeployed('systemd/vouch-verify.service')).toMatch(/^TimeoutStartSec=\d+d$/m)
    expect(readDeployed('systemd/writable.conf')).toMatch(/^UMask=0022$/m)
  })
})

/** Every metric of ours that a coordinator has, once there was an audit. */
async function listMetrics(): Promise<Set<string>> {
  const { observer, mount, watchVerification } = createCoordinatorMetrics(['a'], [], [], () => ({}))
  watchVerification(undefined, 1)
  const summary: AuditSummary = { agreement: 'absent', names: 0, agreements: {}, rotten: 0, replicas: [] }
  observer.onAudited({ isWhole: true, ms: 0, summary })
  const app = new Hono<AppEnv>()
  mount(app)
  const text = await (await app.request('/metrics')).text()
  return new Set(
    [...text.matchAll(/^# TYPE (\S+) (\S+)/gm)].flatMap(([, name = '', kind]) =>
      kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  )
}

/** The expressions of a dashboard. */
function findExpressions(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'expr' && typeof inner === 'string' ? [inner] : findExpressions(inner),
  )
}

const dashboard: unknown = JSON.parse(readDeployed('grafana/vouch.json'))
const toMetrics = (text: string) => [...new Set(text.match(/\b(vouch|process|nodejs)_[a-z0-9_]+/g))]

it('a check and a verification fail when copies differ', () => {
  for (const unit of ['vouch-check', 'vouch-verify'])
    expect(readDeployed(`systemd/${unit}.service`)).not.toContain('SuccessExitStatus')
})

describe('the configuration of Prometheus and Grafana', () => {
  it('uses metrics that coordinators have', async () => {
    const metrics = await listMetrics()
    const expressions = findExpressions(dashboard)
    expect(expressions.length).toBeGreaterThan(10)
    for (const text of [
      ...expressions,
      ...(readDeployed('prometheus/rules.yaml').match(/expr:(.|\n)*?(?=\n {8}\w)/g) ?? []),
    ]) {
      for (const name of toMetrics(text)) expect(metrics).toContain(name)
    }
  })

  it.skipIf(!canCheck)('is valid for Prometheus', async () => {
    const checked = await execute('promtool', ['check', 'rules', rules])
    expect(checked).toMatchObject({ status: 0, said: expect.stringMatching(/SUCCESS: \d+ rules found/) })
    const scrape = join(DEPLOY, 'prometheus/scrape.yaml')
    expect(await execute('promtool', ['check', 'config', '--syntax-only', scrape])).toMatchObject({
      status: 0,
    })
  })

  it.skipIf(!canCheck)('has valid PromQL in the dashboard', async () => {
    const records = findExpressions(dashboard).map((expr, i) => ({
      record: `panel:${i}`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$job', '.+'),
    }))
    // JSON is YAML.
    const path = join(directory, 'dashboard.yaml')
    writeFileSync(path, JSON.stringify({ groups: [{ name: 'dashboard', rules: records }] }))
    const { status, said } = await execute('promtool', ['check', 'rules', path])
    expect({ status, said }).toMatchObject({
      status: 0,
      said: expect.stringContaining(`${records.length} rules`),
    })
  })

  it.skipIf(!canCheck)('alerts when it should, and not before', async () => {
    const tests = ['prometheus/rules.test.yaml', 'prometheus/rules-slow.test.yaml']
    const paths = tests.map((path) => join(DEPLOY, path))
    const { status, said } = await execute('promtool', ['test', 'rules', ...paths])
    expect({ status, said }).toMatchObject({ status: 0, said: expect.stringContaining('SUCCESS') })
    const alerts = [...readDeployed('prometheus/rules.yaml').matchAll(/- alert: (\w+)/g)].map(
      ([, name]) => name,
    )
    const fired =
      tests
        .map(readDeployed)
        .join('')
        .match(/alertname: \w+\n\s+exp_alerts:\n/g) ?? []
    for (const name of alerts) expect(fired.join('')).toContain(`alertname: ${name}\n`)
  })
})
