#!/usr/bin/env bash
# rclone, wget2 and axel join ranges of two contents into one file, and exit with 0, though each answer names
# its content.
#
# Versions: Debian 12's rclone 1.60.1 (multi-thread copy from an :http: remote), wget2 1.99.1 (--chunk-size),
# axel 2.17.11 (-n 4).
# Expected (RFC 9110 §13.1.5, §15.3.7.3): a client asks for the later parts with If-Range or If-Match, or
# joins parts only when their strong entity tags are the same.
# Seen: the file is replaced by one of the same size after two GETs. From then on ETag and Last-Modified
# differ; none of the three sends a condition, compares either field, or says a word.
#
# The server below gives `a`s for the first two GETs and `b`s after, and heeds If-Range and If-Match. Prints
# the runs of bytes in each file; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download rclone=1.60.1+dfsg-2+b5 \
  wget2=1.99.1-2.2 libwget0=1.99.1-2.2 axel=2.17.11-3
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)

cat >server.py <<'EOP'
import re, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SIZE = 8_000_000
CONTENTS = [(b"a" * SIZE, '"a"', "Thu, 01 Jan 2026 00:00:00 GMT"), (b"b" * SIZE, '"b"', "Fri, 02 Jan 2026 00:00:00 GMT")]
lock, gets = threading.Lock(), 0

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(CONTENTS[gets > 2], False)

    def do_GET(self):
        global gets
        with lock:
            gets += 1
            content = CONTENTS[gets > 2]
        self.answer(content, True)

    def answer(self, content, with_body):
        data, tag, date = content
        fields = {"ETag": tag, "Last-Modified": date, "Accept-Ranges": "bytes"}
        status, body = 200, data
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if self.headers.get("If-Match", tag) != tag:
            status, body = 412, b""
        elif asked and self.headers.get("If-Range", tag) in (tag, date):
            first, last = int(asked[1]), min(int(asked[2] or SIZE), SIZE - 1)
            status, body = 206, data[first : last + 1]
            fields["Content-Range"] = f"bytes {first}-{last}/{SIZE}"
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            try:
                self.wfile.write(body)
            except ConnectionError:
                pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
EOP

mixed=0
try() { # try NAME COMMAND...: with PORT for the server's port and `out` for the file
  local name=$1 status=0 port runs
  shift
  rm -f out
  exec {answer}< <(exec python3 server.py)
  server=$!
  read -r port <&"$answer"
  timeout 60 "${@//PORT/$port}" >/dev/null 2>&1 || status=$?
  kill "$server"
  exec {answer}<&-
  runs=$(python3 -c 'import itertools, sys
for byte, run in itertools.groupby(sys.stdin.read()):
    print(f" {byte} x {sum(1 for _ in run)}", end="")' <out)
  echo "$name: exit $status,$runs"
  [ "$status" = 0 ] && [[ $runs == *a*b* || $runs == *b*a* ]] && mixed=$((mixed + 1)) || true
}

try rclone root/usr/bin/rclone --config '' copyto :http:file out --http-url http://127.0.0.1:PORT \
  --multi-thread-cutoff 1M --multi-thread-streams 4
try wget2 root/usr/bin/wget2 -q -O out --chunk-size=256k http://127.0.0.1:PORT/file
try axel root/usr/bin/axel -q -n 4 -o out http://127.0.0.1:PORT/file
[ "$mixed" = 3 ]
