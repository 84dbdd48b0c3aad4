#!/usr/bin/env bash
# davfs2 gives the new content of a file cut to the length of the old one, and goes on with the old one for good
# where a server sends no getetag.
#
# Version: Debian 12's davfs2 1.6.1 with neon 0.32.5, on Linux 6.18; needs root and /dev/fuse.
# Expected: the old file, the new file, or an error.
# Seen: when a file is opened, davfs2 fetches the new content, and the kernel still has the length that davfs2 has
# told for a second: cat ends there, with status 0. And davfs2 lists the folder again after `dir_refresh`, sees another
# length and another time of the file, and does not fetch it unless the listing has another getetag.
#
# The server below has one file: 1,000 times `a`, then 2,000 times `b` with another getetag, then 3,000 times `c` and
# no getetag, each with its own length and time. Prints what was read; exits 1 if that is no longer so.
set -euo pipefail
# davfs2 takes its user from /etc alone, which is written to in a mount namespace.
[ "${1-}" = inside ] || exec unshare -m "$0" inside

folder=$(mktemp -d)
server=
finish() {
  umount "$folder/mount" >/dev/null 2>&1 || true
  umount -l /etc 2>/dev/null || true
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download davfs2=1.6.1-1 libneon27-gnutls=0.32.5-1
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)

cat >server.py <<'EOP'
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

def state(letter, length, day, tag):
    return {"body": letter.encode() * length, "day": f"{day} Jan 2026 00:00:00 GMT", "etag": f'"{letter}"', "listed": tag}

STATES = {"/a": state("a", 1000, "Thu, 01", True), "/b": state("b", 2000, "Fri, 02", True), "/c": state("c", 3000, "Sat, 03", False)}
now = STATES["/a"]

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_OPTIONS(self):
        self.say(200, DAV="1", Allow="GET, HEAD, OPTIONS, PROPFIND")

    def do_PROPFIND(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        tag = f"<getetag>{now['etag']}</getetag>" if now["listed"] else ""
        file = f"<resourcetype/><getcontentlength>{len(now['body'])}</getcontentlength><getlastmodified>{now['day']}</getlastmodified>{tag}"
        found = {"/": "<resourcetype><collection/></resourcetype>", "/file": file}
        if self.path != "/" or self.headers.get("Depth") == "0":
            found = {self.path: found[self.path]}
        text = "".join(f"<response><href>{href}</href><propstat><prop>{prop}</prop><status>HTTP/1.1 200 OK</status></propstat></response>" for href, prop in found.items())
        self.say(207, f'<?xml version="1.0"?><multistatus xmlns="DAV:">{text}</multistatus>'.encode(), Content_Type="application/xml")

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        global now
        if self.path in STATES:
            now = STATES[self.path]
            return self.say(200)
        if self.headers.get("If-None-Match") == now["etag"]:
            return self.say(304, ETag=now["etag"])
        self.say(200, now["body"], ETag=now["etag"], Last_Modified=now["day"])

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
EOP

exec {answer}< <(exec python3 server.py)
server=$!
read -r port <&"$answer"
become() { curl -s "http://127.0.0.1:$port/$1"; }
watch() { # what is read, ten times a second for $1 seconds
  for _ in $(seq $((10 * $1))); do
    content=$(cat mount/file)
    echo "${content:0:1} x ${#content}"
    sleep 0.1
  done | uniq
}

mkdir mount cache etc work
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$folder/etc,workdir=$folder/work" /etc
mkdir -p /etc/davfs2
printf '%s\n' 'ask_auth 0' 'buf_size 64' 'dir_refresh 1' 'file_refresh 1' 'dav_user root' 'dav_group root' "cache_dir $folder/cache" >/etc/davfs2/davfs2.conf
root/usr/sbin/mount.davfs -o ro "http://127.0.0.1:$port/" mount
first=$(watch 1)
become b
second=$(watch 4)
become c
third=$(watch 6)
echo "a x 1000:" $first
echo "b x 2000:" $second
echo "c x 3000, without getetag:" $third
[ "$first" = 'a x 1000' ] && [[ $second == *'b x 1000'* && $second == *'b x 2000' ]] && [ "$third" = 'b x 2000' ]
