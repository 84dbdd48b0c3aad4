#!/usr/bin/env bash
# Chromium plays the beginning of one video and the end of another as one, though each answer names its
# content.
#
# Version: Debian 12's chromium-headless-shell 156.0.8078.108.
# Expected (RFC 9110 §13.1.5, §15.3.7.3): parts of contents with other strong entity tags are not joined:
# after a change the video begins anew, or ends in an error.
# Seen: the file is replaced by one of the same size while the video is open, and ETag and Last-Modified
# change with it. A seek then shows the frames of the new file, at a place in the index of the old one, and
# `error` stays null. Some seeks ask with Range alone, and some with If-Range, from the browser's cache: the player
# takes the 206 of another entity tag, and the 200, alike.
#
# The server below gives a red video, and a blue one after the page has asked for /change; it heeds If-Range
# and If-Match. Prints each request for the video, with its conditions and the video that was sent, and what
# the page saw; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
server=
browser=
finish() {
  for process in $browser $server; do
    kill "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download \
  chromium-headless-shell=156.0.8078.108-1~deb12u1 chromium-common=156.0.8078.108-1~deb12u1
for package in ./*.deb; do dpkg -x "$package" root; done

cat >server.py <<'EOP'
import base64, re, struct
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Key frames of VP8, 64 x 64 pixels, by libvpx; the zeros after them are not read.
RED = "0AMAnQEqQABAAABHCIWFiJmEiAICAnWqA/gD+gIHGk/ILUhMAVYwAP79bvP/5G/j50b/yOP//Eqe44nj//xGgA=="
BLUE = "kAMAnQEqQABAAABHCIWFiJmEiAICAnWqA/gCBuhKMBVkQe7MTgD+/00S//xKp/Eqn8Sqf/Eqn/0Yfww/hh/eEA=="
SECONDS, RATE, FRAME = 100, 5, 100_000

def element(number, *content):
    body = b"".join(content)
    return bytes.fromhex(number) + b"\x01" + len(body).to_bytes(7, "big") + body

def integer(number, value):
    return element(number, value.to_bytes(8, "big"))

def video(picture):
    frame = base64.b64decode(picture).ljust(FRAME, b"\0")
    blocks = [element("a3", struct.pack(">BhB", 0x81, i * 1000 // RATE, 0x80), frame) for i in range(RATE)]
    clusters = [element("1f43b675", integer("e7", s * 1000), *blocks) for s in range(SECONDS)]
    info = element("1549a966", integer("2ad7b1", 1_000_000), element("4489", struct.pack(">d", SECONDS * 1000)),
                   element("4d80", b"python"), element("5741", b"python"))
    size = element("e0", integer("b0", 64), integer("ba", 64))
    tracks = element("1654ae6b", element("ae", integer("d7", 1), integer("73c5", 1), integer("83", 1),
                                         element("86", b"V_VP8"), size))
    def cues(start):
        place = lambda s: element("b7", integer("f7", 1), integer("f1", start + s * len(clusters[0])))
        return element("1c53bb6b", *(element("bb", integer("b3", s * 1000), place(s)) for s in range(SECONDS)))
    front = info + tracks
    header = element("1a45dfa3", integer("4286", 1), integer("42f7", 1), integer("42f2", 4), integer("42f3", 8),
                     element("4282", b"webm"), integer("4287", 2), integer("4285", 2))
    return header + element("18538067", front, cues(len(front) + len(cues(0))), *clusters)

PAGE = b"""<video muted preload="auto" src="/video.webm"></video><script>
const video = document.querySelector('video')
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
const wait = (event) => new Promise((resolve) => {
  video.addEventListener(event, resolve, { once: true })
  video.addEventListener('error', resolve, { once: true })
})
const tell = async () => {
  canvas.drawImage(video, 0, 0)
  const [red, , blue] = canvas.getImageData(0, 0, 1, 1).data
  const colour = red > 200 ? 'red' : blue > 200 ? 'blue' : 'neither'
  await fetch(`/tell/at-${video.currentTime}s:${colour},error:${video.error}`)
}
const run = async () => {
  await wait('canplay')
  await tell()
  await fetch('/change')
  video.currentTime = 90
  await wait('seeked')
  await tell()
  await fetch('/end')
}
run().catch((error) => fetch('/tell/' + error).then(() => fetch('/end')))
</script>"""

CONTENTS = [(video(RED), '"red"', "Thu, 01 Jan 2026 00:00:00 GMT"), (video(BLUE), '"blue"', "Fri, 02 Jan 2026 00:00:00 GMT")]
current = 0

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:
            pass

    def do_GET(self):
        global current
        if self.path == "/":
            return self.answer(200, PAGE, Content_Type="text/html")
        if self.path == "/video.webm":
            return self.video()
        if self.path.startswith("/tell/"):
            print(self.path[6:], flush=True)
        if self.path == "/change":
            current = 1
        if self.path == "/end":
            print("end", flush=True)
        self.answer(200, b"", Content_Type="text/plain")

    def video(self):
        data, tag, modified = CONTENTS[current]
        conditions = [name for name in ("If-Range", "If-Match", "If-Unmodified-Since") if name in self.headers]
        fields = {"Content_Type": "video/webm", "ETag": tag, "Last_Modified": modified, "Accept_Ranges": "bytes", "Cache_Control": "no-cache"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        print(f"{self.headers.get('Range')} {conditions}: {tag[1:-1]}", flush=True)
        if self.headers.get("If-Match", tag) != tag:
            return self.answer(412, b"")
        if not asked or self.headers.get("If-Range", tag) not in (tag, modified):
            return self.answer(200, data, **fields)
        first, last = int(asked[1]), int(asked[2] or len(data) - 1)
        self.answer(206, data[first : last + 1], Content_Range=f"bytes {first}-{last}/{len(data)}", **fields)

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
EOP
exec {answer}< <(exec python3 server.py 2>/dev/null)
server=$!
read -r port <&"$answer"

HOME=$folder root/usr/lib/chromium/chromium-headless-shell --no-sandbox --user-data-dir="$folder/profile" \
  --remote-debugging-port=0 "http://127.0.0.1:$port/" 2>/dev/null &
browser=$!
while read -r -t 60 line <&"$answer" && [ "$line" != end ]; do echo "$line"; done | tee seen

grep -q '^at-0s:red,error:null$' seen
grep -q '^at-90s:blue,error:null$' seen
