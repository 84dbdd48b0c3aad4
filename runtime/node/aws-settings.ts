import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Credentials } from '../s3/client.ts'
import { isRegion, parseEndpoint } from '../s3/place.ts'
import { isAbsence, toReason } from './errno.ts'
import { AWS_SETTINGS_MS } from './limits.ts'
import { Refusal } from './refusal.ts'

/** What the environment and the files that AWS's own tools share say of S3; null where they say nothing. */
export interface AwsSettings {
  /** As in `S3Word`. */
  readonly region: string | null
  readonly endpoint: string | null
  /** What to sign with now: files are read again, as sessions in them end and are renewed. Rejects with a Refusal. */
  readonly credentials: () => Promise<Credentials>
}

type Environment = Readonly<Record<string, string | undefined>>
type Section = Readonly<Record<string, string>>

/**
 * Reads `AWS_ACCESS_KEY_ID` and what belongs to it, else the profile `AWS_PROFILE` of the files `credentials` and
 * `config` in `~/.aws`, or where `AWS_SHARED_CREDENTIALS_FILE` and `AWS_CONFIG_FILE` say; nothing else is asked, run or
 * downloaded for it. Throws a Refusal when there are no credentials, or a setting is none.
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
export function readAwsSettings(env: Environment): AwsSettings {
  const first = readCredentials(env)
  const profile = readProfile(env)
  let last: Credentials = first
  let readAt = performance.now()
  return {
    region: checked(
      'AWS_REGION',
      env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || profile['region'],
      (text) => (isRegion(text) ? text : null),
    ),
    endpoint: checked(
      'AWS_ENDPOINT_URL_S3',
      env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'] || profile['endpoint_url'],
      parseEndpoint,
    ),
    async credentials() {
      if (performance.now() - readAt >= AWS_SETTINGS_MS) {
        readAt = performance.now()
        last = readCredentials(env)
      }
      return last
    },
  }
}

function checked(
  name: string,
  text: string | undefined,
  parse: (text: string) => string | null,
): string | null {
  if (text === undefined || text === '') return null
  const value = parse(text)
  if (value === null) throw new Refusal(`${name}, or what the profile says for it, is none that can be used`)
  return value
}

function readCredentials(env: Environment): Credentials {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = env
  if (id && secret) return toCredentials(id, secret, token)
  if (id || secret) throw new Refusal('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together')
  const profile = readProfile(env)
  const [fileId, fileSecret] = [profile['aws_access_key_id'], profile['aws_secret_access_key']]
  if (fileId && fileSecret) return toCredentials(fileId, fileSecret, profile['aws_session_token'])
  throw new Refusal(
    'there are no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them into ' +
      `the profile '${toProfile(env)}' of ~/.aws/credentials; roles and single sign-on are not asked, ` +
      'their sessions come by `aws configure export-credentials --format env`',
  )
}

function toCredentials(accessKeyId: string, secretAccessKey: string, token: string | undefined): Credentials {
  return { accessKeyId, secretAccessKey, ...(token && { sessionToken: token }) }
}

function toProfile({ AWS_PROFILE: profile, AWS_DEFAULT_PROFILE: older }: Environment): string {
  return profile || older || 'default'
}

/** What both files say of the profile, `credentials` before `config`. */
function readProfile(env: Environment): Section {
  const { AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: credentials, HOME: home = '' } = env
  const name = toProfile(env)
  const section = name === 'default' ? ['default', 'profile default'] : [`profile ${name}`]
  return {
    ...readSection(config || (home && join(home, '.aws', 'config')), section),
    ...readSection(credentials || (home && join(home, '.aws', 'credentials')), [name]),
  }
}

/** The settings below any of the headings; none where there is no file. Throws a Refusal for one that cannot be read. */
function readSection(path: string, headings: readonly string[]): Section {
  if (path === '') return {}
  try {
    return parseSection(readFileSync(path, 'utf8'), headings)
  } catch (error) {
    if (isAbsence(error)) return {}
    throw new Refusal(
      `cannot read ${path}: ${toReason(error)}; AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name other files, and /dev/null stands for none`,
    )
  }
}

function parseSection(text: string, headings: readonly string[]): Section {
  const settings: Record<string, string> = {}
  let isWanted = false
  for (const line of text.split(/\r?\n/)) {
    const heading = /^\[([^\]]*)\]/.exec(line)?.[1]?.trim().replace(/\s+/g, ' ').replaceAll('"', '')
    if (heading !== undefined) isWanted = headings.includes(heading)
    // What is indented belongs to the setting above it, and is none of its own.
    const [, name, value = ''] = /^([^\s=#;[][^=]*?)\s*=\s*(.*?)(?:\s+[#;].*)?\s*$/.exec(line) ?? []
    if (isWanted && name !== undefined) settings[name.toLowerCase()] = value
  }
  return settings
}
