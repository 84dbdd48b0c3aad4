/**
 * VP8 key frames of 64 × 64 pixels in one colour, as libvpx encodes them: the output of
 * `ffmpeg -f lavfi -i color=red:s=64x64 -frames:v 1 -c:v libvpx -b:v 100k red.ivf` after the headers of IVF.
 */
const FRAMES = {
  red: '0AMAnQEqQABAAABHCIWFiJmEiAICAnWqA/gD+gIHGk/ILUhMAVYwAP79bvP/5G/j50b/yOP//Eqe44nj//xGgA==',
  blue: 'kAMAnQEqQABAAABHCIWFiJmEiAICAnWqA/gCBuhKMBVkQe7MTgD+/00S//xKp/Eqn8Sqf/Eqn/0Yfww/hh/eEA==',
} as const

/** Of a video, in seconds. */
export const DURATION = 100
const FRAMES_A_SECOND = 5
/** Bytes; 200 MB in all. The picture is followed by zeros, which no decoder needs, but which are fetched. */
const FRAME_SIZE = 400_000

/** A WebM video of 200 MB, all in one colour. Both colours have the same size and layout. */
export function createVideo(colour: keyof typeof FRAMES): Uint8Array {
  const picture = Buffer.from(FRAMES[colour], 'base64')
  const frame = Buffer.concat([picture, Buffer.alloc(FRAME_SIZE - picture.length)])
  const clusters = Array.from({ length: DURATION }, (_, second) => toCluster(second, frame))
  const clusterSize = clusters[0]?.length ?? 0
  const toCues = (position: number) => {
    const points = clusters.map((_, i) => toCuePoint(i, position + i * clusterSize))
    return element(0x1c53bb6b, ...points)
  }
  const front = Buffer.concat([INFO, TRACKS])
  const cues = toCues(front.length + toCues(0).length)
  return Buffer.concat([HEADER, element(0x18538067, front, cues, ...clusters)])
}

/** A second of the video: a cluster of frames at their times. */
function toCluster(second: number, frame: Uint8Array): Buffer {
  const blocks = Array.from({ length: FRAMES_A_SECOND }, (_, i) => {
    // Track 1, milliseconds after the cluster's time, a key frame.
    const head = Buffer.of(0x81, 0, 0, 0x80)
    head.writeInt16BE((i * 1000) / FRAMES_A_SECOND, 1)
    return element(0xa3, head, frame)
  })
  return element(0x1f43b675, integer(0xe7, second * 1000), ...blocks)
}

/** Where in the segment the cluster of a second begins. */
function toCuePoint(second: number, position: number): Buffer {
  return element(0xbb, integer(0xb3, second * 1000), element(0xb7, integer(0xf7, 1), integer(0xf1, position)))
}

/** An element of Matroska (RFC 9559, RFC 8794 §6) whose size is written in eight bytes. */
function element(id: number, ...content: readonly Uint8Array[]): Buffer {
  const size = toUint64(content.reduce((sum, { length }) => sum + length, 0))
  size[0] = 1
  return Buffer.concat([Buffer.from(id.toString(16), 'hex'), size, ...content])
}

function integer(id: number, value: number): Buffer {
  return element(id, toUint64(value))
}

function text(id: number, value: string): Buffer {
  return element(id, Buffer.from(value))
}

function toUint64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

function float(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return element(id, bytes)
}

const HEADER = element(
  0x1a45dfa3,
  integer(0x4286, 1),
  integer(0x42f7, 1),
  integer(0x42f2, 4),
  integer(0x42f3, 8),
  text(0x4282, 'webm'),
  integer(0x4287, 2),
  integer(0x4285, 2),
)

/** Times are in milliseconds. */
const INFO = element(
  0x1549a966,
  integer(0x2ad7b1, 1_000_000),
  float(0x4489, DURATION * 1000),
  text(0x4d80, 'vouch'),
  text(0x5741, 'vouch'),
)

const SIZE = element(0xe0, integer(0xb0, 64), integer(0xba, 64))
/** Number 1, of video. */
const TRACK = element(0xae, integer(0xd7, 1), integer(0x73c5, 1), integer(0x83, 1), text(0x86, 'V_VP8'), SIZE)
const TRACKS = element(0x1654ae6b, TRACK)
