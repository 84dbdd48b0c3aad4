#!/usr/bin/env bash
# sshfs takes an error in the middle of a file for its end.
#
# Version: Debian 12's sshfs 3.7.3, on Linux 6.18; needs root and /dev/fuse.
# Expected: where the server answers a read with an error (SSH_FX_FAILURE), the program gets one, EIO.
# Seen: read(2) returns 0, as at the end of the file. cat exits with 0 with the part before, and so does cp, with and
# without the kernel's cache, and whether or not sshfs reads ahead.
#
# The server below speaks SFTP 3 over pipes (`-o passive`). It has one file of 1 MiB, of which it sends the first
# half, and answers each read of the second with SSH_FX_FAILURE. Prints what was read; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
finish() {
  mountpoint -q "$folder/mount" && umount -l "$folder/mount"
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download 'sshfs=3.7.3-1.2~deb12u1'
dpkg -x ./*.deb root
mkdir mount

cat >server.py <<'EOP'
import os, struct, subprocess, sys, threading

SIZE, HALF = 1 << 20, 1 << 19
OK, EOF, NO_SUCH_FILE, FAILURE, UNSUPPORTED = 0, 1, 2, 4, 8


def run(options):
    """Mounts, and answers until it is unmounted."""
    words = ["root/usr/bin/sshfs", "-f", "-s", "-o", "passive", *options, ":/", "mount"]
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    receive = lambda length: child.stdout.read(length)
    while len(head := receive(5)) == 5:
        length, kind = struct.unpack(">IB", head)
        reply = answer(kind, receive(length - 1))
        child.stdin.write(struct.pack(">I", len(reply)) + reply)
        child.stdin.flush()
    return child.wait()


def answer(kind, body):
    if kind == 1:  # INIT
        return struct.pack(">BI", 2, 3)
    number, rest = body[:4], body[4:]
    text = rest[4 : 4 + struct.unpack(">I", rest[:4])[0]]
    if kind in (7, 17):  # LSTAT, STAT
        return attributes(number, text)
    if kind == 8:  # FSTAT
        return attributes(number, b"/file")
    if kind == 3:  # OPEN
        return b"\x66" + number + struct.pack(">I", 1) + b"f"
    if kind == 5:  # READ
        offset, length = struct.unpack(">QI", rest[5:17])
        if offset >= SIZE:
            return status(number, EOF)
        if offset >= HALF:
            return status(number, FAILURE)
        data = b"x" * min(length, HALF - offset)
        return b"\x67" + number + struct.pack(">I", len(data)) + data
    return status(number, OK if kind == 4 else UNSUPPORTED)  # CLOSE


def attributes(number, path):
    if path not in (b"/", b"/.", b".", b"", b"/file"):
        return status(number, NO_SUCH_FILE)
    mode = 0o100444 if path == b"/file" else 0o40555
    return b"\x69" + number + struct.pack(">IQIIIII", 15, SIZE, 0, 0, mode, 1_700_000_000, 1_700_000_000)


def status(number, code):
    return b"\x65" + number + struct.pack(">III", code, 0, 0)


def attempt(*options):
    words = [word for option in options for word in ("-o", option)]
    serving = threading.Thread(target=run, args=(words,))
    serving.start()
    while not os.path.ismount("mount"):
        pass
    read = subprocess.run(["cat", "mount/file"], capture_output=True)
    copied = subprocess.run(["cp", "mount/file", "copy"], capture_output=True)
    seen = (len(read.stdout), read.returncode, os.path.getsize("copy"), copied.returncode)
    subprocess.run(["umount", "mount"], check=True)
    serving.join()
    os.remove("copy")
    size, status, copy, ended = seen
    print(f"{' '.join(options) or 'no options'}: of {SIZE} bytes cat read {size}, exit {status}; cp wrote {copy}, exit {ended}")
    return status == 0 and ended == 0


# A list, so that each runs.
sys.exit(0 if all([attempt(), attempt("direct_io"), attempt("direct_io", "no_readahead")]) else 1)
EOP
timeout 60 python3 server.py
