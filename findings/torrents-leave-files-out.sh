#!/usr/bin/env bash
# Three makers of torrents put three different sets of files of one directory into a torrent, without a word.
#
# Versions: Debian 12's transmission-cli 3.00 and mktorrent 1.1; create-torrent 6.1.3 (npm, of WebTorrent), on
# Node 20 or later.
# Expected: a torrent of a directory lists every file of it with its length, 0 too (BEP 3), so that two copies
# of the directory give one torrent, and what is downloaded is the directory.
# Seen: transmission-create leaves out empty files, and all whose names begin with a dot. create-torrent leaves
# out those with a dot, names that end in `~`, and what it takes for junk (`Thumbs.db`), and keeps empty files.
# mktorrent lists all. A directory with nothing in it is in none of the three. So a Python package comes without
# its empty `__init__.py`, a checkout without its `.env`, and nothing in the torrent tells that they were there.
#
# Prints the files of each torrent; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download transmission-cli=3.00-2.1+deb12u1 mktorrent=1.1-3 \
  libminiupnpc17=2.2.4-1+b1 libnatpmp1=20150609-7.1+b2 libevent-2.1-7=2.1.12-stable-8+deb12u1 \
  libcurl4=7.88.1-10+deb12u15
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)
npm install --silent --no-audit --no-fund --prefix "$folder" create-torrent@6.1.3 >/dev/null 2>&1

mkdir -p tree/sub tree/nothing
for file in .env Thumbs.db backup~ plain sub/deep; do echo "$file" >"tree/$file"; done
touch tree/__init__.py
cat >create.mjs <<'EOP'
import { writeFileSync } from 'node:fs'
import createTorrent from 'create-torrent'

createTorrent('tree', { announceList: [] }, (error, torrent) => {
  if (error) throw error
  writeFileSync('create-torrent.torrent', torrent)
})
EOP

root/usr/bin/transmission-create -o transmission.torrent tree >/dev/null 2>&1
root/usr/bin/mktorrent -a http://127.0.0.1/ -o mktorrent.torrent tree >/dev/null
node create.mjs
changed=0
expect() { # expect TORRENT WANTED: the files of the torrent, as transmission-show lists them
  local seen
  root/usr/bin/transmission-show "$1.torrent" >shown 2>/dev/null
  seen=$(sed -n 's/^  tree\/\(.*\) (.*)$/\1/p' shown | LC_ALL=C sort | paste -sd ' ')
  echo "$1: $seen"
  [ "$seen" = "$2" ] || { echo "  changed: it was $2" >&2; changed=1; }
}
expect mktorrent '.env Thumbs.db __init__.py backup~ plain sub/deep'
expect transmission 'Thumbs.db backup~ plain sub/deep'
expect create-torrent '__init__.py plain sub/deep'
exit "$changed"
