import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parseS3Word, toPlace } from '../s3/place.ts'
import { readAwsSettings } from './aws-settings.ts'

function createHome(files: Readonly<Record<string, string>>): string {
  const home = mkdtempSync(join(tmpdir(), 'vouch-aws-'))
  onTestFinished(() => rmSync(home, { recursive: true }))
  mkdirSync(join(home, '.aws'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(home, '.aws', name), text)
  return home
}

const CREDENTIALS = `# comment
[default]
aws_access_key_id = DEFAULT
aws_secret_access_key=a/b+c=

[other]
aws_access_key_id = OTHER
aws_secret_access_key = secret
aws_session_token = token==
`
const CONFIG = `[default]
region = eu-west-1
s3 =
  region = none-of-this
[profile other]
region = eu-north-1
endpoint_url = https://minio.example:9000/
`

describe('the settings for S3', () => {
  it('are those of the environment before those of files', async () => {
    const HOME = createHome({ credentials: CREDENTIALS, config: CONFIG })
    const settings = readAwsSettings({
      ...{ HOME, AWS_ACCESS_KEY_ID: 'ENV', AWS_SECRET_ACCESS_KEY: 's', AWS_SESSION_TOKEN: 't' },
      ...{
        AWS_REGION: 'us-west-2',
        AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
        AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:2',
      },
    })
    expect(settings).toMatchObject({ region: 'us-west-2', endpoint: 'http://127.0.0.1:2' })
    expect(await settings.credentials()).toEqual({
      accessKeyId: 'ENV',
      secretAccessKey: 's',
      sessionToken: 't',
    })
  })

  it('are those of the profile in both files', async () => {
    const HOME = createHome({ credentials: CREDENTIALS, config: CONFIG })
    const usual = readAwsSettings({ HOME })
    expect(usual).toMatchObject({ region: 'eu-west-1', endpoint: null })
    expect(await usual.credentials()).toEqual({ accessKeyId: 'DEFAULT', secretAccessKey: 'a/b+c=' })
    const other = readAwsSettings({ HOME, AWS_PROFILE: 'other' })
    expect(other).toMatchObject({ region: 'eu-north-1', endpoint: 'https://minio.example:9000' })
    expect(await other.credentials()).toEqual({
      ...{ accessKeyId: 'OTHER', secretAccessKey: 'secret', sessionToken: 'token==' },
    })
  })

  it('are refused where half is missing, or none can be used', () => {
    const HOME = createHome({ config: '[default]\nregion = no region\n', credentials: CREDENTIALS })
    expect(() => readAwsSettings({ HOME })).toThrow(/AWS_REGION/)
    expect(() => readAwsSettings({ HOME, AWS_PROFILE: 'nobody' })).toThrow(/no credentials.*'nobody'/)
    expect(() => readAwsSettings({ AWS_ACCESS_KEY_ID: 'x' })).toThrow(/go together/)
    expect(() => readAwsSettings({})).toThrow(/no credentials/)
  })
})

describe('a word for S3', () => {
  const place = (text: string, environment = {}) => {
    const word = parseS3Word(text)
    return word && { root: word.root, ...toPlace(word, { region: null, endpoint: null, ...environment }) }
  }

  it('names a bucket of AWS in its host, or one elsewhere in the path', () => {
    expect(place('s3://bucket/a/b/?region=eu-west-1')).toEqual({
      ...{ bucket: 'bucket', root: 'a/b/', region: 'eu-west-1', style: 'virtual' },
      endpoint: 'https://s3.eu-west-1.amazonaws.com',
    })
    expect(place('s3://with.dots')).toMatchObject({ style: 'path', root: '' })
    expect(place('s3://bucket', { endpoint: 'http://127.0.0.1:1' })).toMatchObject({ style: 'path' })
    expect(place('s3://bucket/?endpoint=https://minio.example:9000&style=virtual')).toMatchObject({
      ...{ style: 'virtual', endpoint: 'https://minio.example:9000', root: '' },
    })
    expect(place('s3://bucket', { region: 'cn-north-1' })?.endpoint).toBe(
      'https://s3.cn-north-1.amazonaws.com.cn',
    )
    expect(place('s3://bucket/a%20b%3F')?.root).toBe('a b?/')
  })

  it.each([
    's3://',
    's3://b',
    's3:///prefix',
    's3://key:secret@bucket',
    's3://bucket/../x',
    's3://bucket//x',
    's3://bucket/.vouch',
    's3://bucket/%zz',
    's3://bucket?endpoint=ftp://x',
    's3://bucket?endpoint=http://user:secret@x',
    's3://bucket?access_key=x',
    's3://bucket?region=a.b/',
    's3://bucket?style=none',
    's3://bucket?region=a&region=b',
    's3://bucket#x',
  ])('%s is none', (text) => {
    expect(parseS3Word(text)).toBeNull()
  })
})
