#!/usr/bin/env bash
# aria2 verifies the obsolete Digest field of an answer without being asked to, and ignores Repr-Digest and
# Content-Digest.
#
# Version: Debian 12's aria2 1.36.0.
# Expected: no field is verified, as in curl and wget2, or those of RFC 9530 are, which made Digest (RFC 3230)
# obsolete.
# Seen: each GET asks with Want-Digest. A file that differs from `Digest: SHA-256=…` ends in exit 32, also
# when it came in parallel ranges; with the same SHA-256 in Repr-Digest or Content-Digest it is exit 0 and not
# a word.
#
# The server below names the SHA-256 of another content. Prints what aria2 did; exits 1 if that is no longer
# so.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download aria2=1.36.0-1 libaria2-0=1.36.0-1
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)

cat >server.py <<'EOP'
import base64, hashlib, re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SIZE = 4_000_000
DATA = b"b" * SIZE
OTHER = base64.b64encode(hashlib.sha256(b"a" * SIZE).digest()).decode()
FIELDS = {"Digest": f"SHA-256={OTHER}", "Repr-Digest": f"sha-256=:{OTHER}:", "Content-Digest": f"sha-256=:{OTHER}:"}

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        with open("wanted", "a") as wanted:
            wanted.write(f"{self.headers.get('Want-Digest')}\n")
        field = self.path[1:]
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        first, last = (int(asked[1]), int(asked[2])) if asked else (0, SIZE - 1)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{SIZE}")
        # Content-Digest is of the message's own content (RFC 9530 §2), so a part would have another.
        if field != "Content-Digest" or not asked:
            self.send_header(field, FIELDS[field])
        self.send_header("ETag", '"b"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        try:
            self.wfile.write(DATA[first : last + 1])
        except ConnectionError:
            pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
EOP
exec {answer}< <(exec python3 server.py)
server=$!
read -r port <&"$answer"

statuses=
for field in Digest Repr-Digest Content-Digest; do
  status=0
  timeout 60 root/usr/bin/aria2c --no-conf -q -x 4 -s 4 -k 1M "http://127.0.0.1:$port/$field" || status=$?
  echo "$field of another content: exit $status"
  statuses="$statuses $status"
done
echo "each GET has Want-Digest: $(sort -u wanted)"
[ "$statuses" = ' 32 0 0' ]
