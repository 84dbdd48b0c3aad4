#!/usr/bin/env bash
# fossil and darcs never see an edit that leaves the size as it was, in the second in which they last
# looked.
#
# Versions: Debian 12's fossil 2.21 and darcs 2.16.5, beside the git of the machine.
# Expected: a program that knows files by size and time reads them again whose time is that of its last
# look, as git does; or times are compared to the nanosecond, which the file system has.
# Seen: both compare whole seconds. `fossil changes` and `fossil diff`, `darcs whatsnew` and `darcs record`
# find nothing, seconds later too, until something else touches the file; so a commit leaves the edit out,
# and a clone has the old content. Tools that write files, commit and write again are that fast.
#
# Prints what each says; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download fossil=1:2.21-1+deb12u1 libtcl8.6=8.6.13+dfsg-2 \
  libfuse2=2.9.9-6+b1 darcs=2.16.5-1
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH="$(echo "$folder"/root/usr/lib/*-linux-gnu):$(echo "$folder"/root/lib/*-linux-gnu)"
export HOME=$folder USER=somebody DARCS_EMAIL=somebody@example.com PATH=$folder/root/usr/bin:$PATH
export GIT_AUTHOR_NAME=somebody GIT_AUTHOR_EMAIL=somebody@example.com
export GIT_COMMITTER_NAME=somebody GIT_COMMITTER_EMAIL=somebody@example.com

second_begins() { python3 -c 'import time; time.sleep(1.02 - time.time() % 1)'; }
write() { printf '%s text\n' "$1" >file; }

mkdir fossil darcs git
(
  cd fossil
  fossil init ../repository
  fossil open ../repository --force
  write 'old'
  fossil add file
  fossil commit -m first --no-warnings --user-override somebody
  second_begins
  write 'its'
  fossil commit -m second --no-warnings --user-override somebody
  write 'new'
) >/dev/null 2>&1
(
  cd darcs
  darcs init
  write 'old'
  darcs record -l -a -m first
  second_begins
  write 'its'
  darcs record -a -m second
  write 'new'
) >/dev/null 2>&1
(
  cd git
  git init -q
  second_begins
  write 'its'
  git add file
  git commit -qm first
  write 'new'
)
for name in fossil darcs git; do
  echo "$name: written in the second $(stat -c %Y "$name/file") of the commit, file: $(cat "$name/file")"
done
sleep 2
fossil=$(cd fossil && fossil changes && fossil diff && fossil cat file)
darcs=$(cd darcs && darcs whatsnew -s || true; cd "$folder" && darcs clone -q darcs clone >/dev/null && cat clone/file)
git=$(cd git && git status -s)
echo "fossil changes, diff, cat: '$fossil'"
echo "darcs whatsnew, a clone: '$darcs'"
echo "git status: '$git'"
[ "$fossil" = 'its text' ] && [ "$darcs" = $'No changes!\nits text' ] && [ "$git" = ' M file' ] ||
  { echo 'changed, or the second ended too soon: run it once more' >&2; exit 1; }
