import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseS3Word, toPlace } from '../../s3/place.ts'
import { useTemporaryDirectory } from '../temporary-directory.suite.ts'
import { readAwsSettings } from './aws-settings.ts'

function createHome(files: Readonly<Record<string, string>>): string {
  const home = useTemporaryDirectory()
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
  it('come from the environment before files', async () => {
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

  it('come from the profile in both files', async () => {
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

  it('are refused when one half is missing, or a setting is not valid', () => {
    const HOME = createHome({ config: '[default]\nregion = no region\n', credentials: CREDENTIALS })
    expect(() => readAwsSettings({ HOME })).toThrow(
      "AWS_REGION (or `region` in the profile) is not a valid region: got 'no region'",
    )
    expect(() => readAwsSettings({ HOME, AWS_PROFILE: 'nobody' })).toThrow(/no credentials.*'nobody'/)
    expect(() => readAwsSettings({ AWS_ACCESS_KEY_ID: 'x' })).toThrow(
      'AWS_ACCESS_KEY_ID needs AWS_SECRET_ACCESS_KEY',
    )
    expect(() => readAwsSettings({})).toThrow(/no credentials/)
  })
})

describe('an S3 address', () => {
  const place = (text: string, environment = {}) => {
    const word = parseS3Word(text)
    return word && { root: word.root, ...toPlace(word, { region: null, endpoint: null, ...environment }) }
  }

  it('has the bucket in the host on AWS, and in the path elsewhere', () => {
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
  ])('%s is not valid', (text) => {
    expect(parseS3Word(text)).toBeNull()
  })
})
