import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/**
 * A machine that runs: systemd in namespaces of its own, at one address of a network that holds only such
 * machines.
 */
export interface Machine {
  readonly name: string
  /** Runs `script` in a new shell of root's, which ends at the first command that fails. */
  run(script: string): Promise<{ readonly status: number; readonly output: string }>
}

/** A machine to start. */
export interface MachineOptions {
  readonly name: string
  /** An IPv4 address, of one network of 256 with the others. */
  readonly address: string
  /** The directory whose files its root finds at home. */
  readonly files: string
}

/** Machines that run. The caller stops them. */
export interface Machines {
  get(name: string): Machine
  stop(): Promise<void>
}

const BOOT = fileURLToPath(new URL('boot.sh', import.meta.url))
const PROGRAMS = [
  '/lib/systemd/systemd',
  '/usr/bin/xz',
  ...['sshd', 'ufw', 'ip', 'sendmail'].map((name) => `/usr/sbin/${name}`),
]

/**
 * The programs and rights that this machine needs to start others and does not have; empty when it has all.
 */
export function listLacking(): string[] {
  const lacking = PROGRAMS.filter((path) => !existsSync(path))
  if (process.getuid?.() !== 0) lacking.push('root')
  if (findCgroups() === null) lacking.push('cgroup2')
  return lacking
}

/** Where cgroups of version 2 are made; null where they are not. */
function findCgroups(): string | null {
  const mounts = existsSync('/proc/mounts') ? readFileSync('/proc/mounts', 'utf8') : ''
  return /^\S+ (\S+) cgroup2 rw/m.exec(mounts)?.[1] ?? null
}

/** Starts machines on a network of their own; rejects when one does not come up. */
export async function startMachines(machines: readonly MachineOptions[]): Promise<Machines> {
  const tag = `vouch${process.pid}`
  const bridge = `${tag}-net`
  const started: Started[] = []

  async function stop(): Promise<void> {
    for (const machine of started) await machine.stop()
    ip('netns', 'delete', bridge)
  }

  ip('netns', 'add', bridge)
  ip('-n', bridge, 'link', 'add', 'bridge', 'type', 'bridge')
  ip('-n', bridge, 'link', 'set', 'bridge', 'up')
  try {
    for (const machine of machines) started.push(startMachine(machine, tag, bridge))
    for (const machine of started) await machine.ready()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    stop,
    get(name) {
      const machine = started.find((one) => one.name === name)
      if (machine === undefined) throw new Error(`there is no machine ${name}`)
      return machine
    },
  }
}

interface Started extends Machine {
  ready(): Promise<void>
  stop(): Promise<void>
}

function startMachine({ name, address, files }: MachineOptions, tag: string, bridge: string): Started {
  const space = `${tag}-${name}`
  const cgroup = join(findCgroups() ?? '', space)
  mkdirSync(cgroup)
  connect(space, address, bridge)
  const boot = spawn('nsenter', [`--net=/run/netns/${space}`, 'bash', BOOT, name, cgroup, files], {
    stdio: 'pipe',
  })
  let said = ''
  for (const stream of [boot.stdout, boot.stderr]) stream.on('data', (data) => (said += data))
  const run = async (script: string) => await runIn(findInit(boot), script)

  async function ready(): Promise<void> {
    for (let i = 0; i < MAX_LOOKS; i++) {
      if (boot.exitCode !== null) break
      const { output } = await run('systemctl is-system-running').catch(() => ({ output: '' }))
      if (/^(running|degraded)/m.test(output)) return
      await sleep(LOOK_MS)
    }
    throw new Error(`${name} did not start: ${said}`)
  }

  async function stop(): Promise<void> {
    const ended = boot.exitCode === null && boot.signalCode === null ? once(boot, 'exit') : null
    boot.kill('SIGKILL')
    await ended
    ip('netns', 'delete', space)
    await removeCgroup(cgroup)
  }

  return { name, run, ready, stop }
}

/**
 * How often, and how many times, a machine that starts is looked at: two minutes are many times what it
 * takes.
 */
const LOOK_MS = 250
const MAX_LOOKS = 480

function connect(space: string, address: string, bridge: string): void {
  const port = `p${address.split('.').at(-1)}`
  ip('netns', 'add', space)
  ip('-n', bridge, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space)
  ip('-n', bridge, 'link', 'set', port, 'master', 'bridge', 'up')
  ip('-n', space, 'address', 'add', `${address}/24`, 'dev', 'eth0')
  for (const device of ['lo', 'eth0']) ip('-n', space, 'link', 'set', device, 'up')
}

function ip(...args: string[]): void {
  execFileSync('ip', args)
}

/** systemd, as this machine sees it: what `unshare`, which `ip netns exec` has become, started. */
function findInit({ pid }: ChildProcess): string {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  const [init] = children.trim().split(' ')
  if (!init) throw new Error('the machine does not run')
  return init
}

async function runIn(init: string, script: string): Promise<{ status: number; output: string }> {
  const env = [
    'HOME=/root',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'LANG=C.UTF-8',
  ]
  const shell = ['env', '-i', ...env, 'bash', '--norc', '-eo', 'pipefail', '-c', `exec 2>&1; cd\n${script}`]
  const enter = ['--target', init, '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--root']
  return await new Promise((resolve) => {
    execFile('nsenter', [...enter, ...shell], { maxBuffer: MAX_OUTPUT_BYTES }, (error, output) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : error ? 1 : 0, output })
    })
  })
}

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024

/** Removes a cgroup once all that ran in it has ended, from the leaves up. */
async function removeCgroup(path: string): Promise<void> {
  for (let i = 0; i < MAX_LOOKS; i++) {
    if (readFileSync(join(path, 'cgroup.events'), 'utf8').includes('populated 0')) break
    await sleep(LOOK_MS)
  }
  execFileSync('find', [path, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+'])
}
