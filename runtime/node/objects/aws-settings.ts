import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Credentials } from '../../s3/client.ts'
import { isRegion, parseEndpoint } from '../../s3/place.ts'
import { isAbsence, toReason } from '../files/errno.ts'
import { AWS_SETTINGS_MS } from '../limits.ts'
import { UserError } from '../user-error.ts'

/** The settings of S3 in the environment and in the files of AWS's own tools; null for those not set. */
interface AwsSettings {
  /** As in `S3Word`. */
  readonly region: string | null
  readonly endpoint: string | null
  /** The current credentials; files are read again, since sessions are renewed. Rejects with a UserError. */
  readonly credentials: () => Promise<Credentials>
}

type Environment = Readonly<Record<string, string | undefined>>
type Section = Readonly<Record<string, string>>

/**
 * Reads `AWS_ACCESS_KEY_ID` and its companions, else the profile `AWS_PROFILE` of the files `credentials` and
 * `config` in `~/.aws`, or of those that `AWS_SHARED_CREDENTIALS_FILE` and `AWS_CONFIG_FILE` name; it asks no
 * service and runs no program. Throws a UserError when there are no credentials, or a setting is not valid.
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
export function readAwsSettings(env: Environment): AwsSettings {
  const first = readCredentials(env)
  const profile = readProfile(env)
  let last: Credentials = first
  let readAt = performance.now()
  return {
    region: parseSetting(
      'AWS_REGION (or `region` in the profile) is not a valid region',
      env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || profile['region'],
      (text) => (isRegion(text) ? text : null),
    ),
    endpoint: parseSetting(
      'AWS_ENDPOINT_URL_S3 (or `endpoint_url` in the profile) is not a valid http or https URL',
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

function parseSetting(
  fault: string,
  text: string | undefined,
  parse: (text: string) => string | null,
): string | null {
  if (text === undefined || text === '') return null
  const value = parse(text)
  // A URL may contain a password.
  if (value === null) throw new UserError(`${fault}: got '${text.replace(/\/\/.*@/, '//…@')}'`)
  return value
}

function readCredentials(env: Environment): Credentials {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = env
  if (id && secret) return toCredentials(id, secret, token)
  if (id) throw new UserError('AWS_ACCESS_KEY_ID needs AWS_SECRET_ACCESS_KEY')
  if (secret) throw new UserError('AWS_SECRET_ACCESS_KEY needs AWS_ACCESS_KEY_ID')
  const profile = readProfile(env)
  const [fileId, fileSecret] = [profile['aws_access_key_id'], profile['aws_secret_access_key']]
  if (fileId && fileSecret) return toCredentials(fileId, fileSecret, profile['aws_session_token'])
  throw new UserError(
    'there are no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them into ' +
      `the profile '${toProfile(env)}' of ~/.aws/credentials; for a role or single sign-on, export a session with ` +
      '`aws configure export-credentials --format env`',
  )
}

function toCredentials(accessKeyId: string, secretAccessKey: string, token: string | undefined): Credentials {
  return { accessKeyId, secretAccessKey, ...(token && { sessionToken: token }) }
}

function toProfile({ AWS_PROFILE: profile, AWS_DEFAULT_PROFILE: older }: Environment): string {
  return profile || older || 'default'
}

/** The profile in both files; `credentials` takes precedence over `config`. */
function readProfile(env: Environment): Section {
  const { AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: credentials, HOME: home = '' } = env
  const name = toProfile(env)
  const section = name === 'default' ? ['default', 'profile default'] : [`profile ${name}`]
  return {
    ...readSection(config || (home && join(home, '.aws', 'config')), section),
    ...readSection(credentials || (home && join(home, '.aws', 'credentials')), [name]),
  }
}

/** The settings below any of the headings; empty for no file. Throws a UserError when it is unreadable. */
function readSection(path: string, headings: readonly string[]): Section {
  if (path === '') return {}
  try {
    return parseSection(readFileSync(path, 'utf8'), headings)
  } catch (error) {
    if (isAbsence(error)) return {}
    const advice =
      'to use another file or none, set AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE to its path or to /dev/null'
    throw new UserError(`cannot read ${path}: ${toReason(error)}; ${advice}`, 'io')
  }
}

function parseSection(text: string, headings: readonly string[]): Section {
  const settings: Record<string, string> = {}
  let isWanted = false
  for (const line of text.split(/\r?\n/)) {
    const heading = /^\[([^\]]*)\]/.exec(line)?.[1]?.trim().replace(/\s+/g, ' ').replaceAll('"', '')
    if (heading !== undefined) isWanted = headings.includes(heading)
    // An indented line belongs to the setting above it.
    const [, name, value = ''] = /^([^\s=#;[][^=]*?)\s*=\s*(.*?)(?:\s+[#;].*)?\s*$/.exec(line) ?? []
    if (isWanted && name !== undefined) settings[name.toLowerCase()] = value
  }
  return settings
}
