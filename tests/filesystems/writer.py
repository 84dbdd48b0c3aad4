"""Changes files as other programs do. Reads one JSON request a line, and answers each with one line: null or an error.

Mappings stay open from one request to the next, which is why this is one long-lived process.
"""

import ctypes
import json
import mmap
import os
import subprocess
import sys

FALLOC_FL_KEEP_SIZE = 1
FALLOC_FL_PUNCH_HOLE = 2
FICLONE = 0x40049409

libc = ctypes.CDLL(None, use_errno=True)
mappings = {}
environments = {}


def put_times_back(path, stats):
    os.utime(path, ns=(stats.st_atime_ns, stats.st_mtime_ns))


def make(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(text.encode())


def rewrite(path, text):
    """In place, as many bytes, and utimensat puts the times back."""
    before = os.stat(path)
    with open(path, "r+b") as file:
        file.write(text.encode())
    put_times_back(path, before)


def truncate(path, text):
    """To nothing and written again, and the times are put back."""
    before = os.stat(path)
    with open(path, "wb") as file:
        file.write(text.encode())
    put_times_back(path, before)


def write_beside(path, text):
    """A file elsewhere with the same size and times as that at `path`."""
    other = os.path.join(os.environ["TMPDIR"], "beside")
    with open(other, "wb") as file:
        file.write(text.encode())
    put_times_back(other, os.stat(path))
    return other


def copy(path, text):
    subprocess.run(["cp", "-p", write_beside(path, text), path], check=True)


def rsync(path, text):
    subprocess.run(["rsync", "-tI", "--inplace", write_beside(path, text), path], check=True)


def rename(path, text):
    before = os.stat(path)
    make(path + ".new", text)
    put_times_back(path + ".new", before)
    os.rename(path + ".new", path)


def copy_range(path, text):
    before = os.stat(path)
    make(path + ".source", text)
    with open(path + ".source", "rb") as source, open(path, "r+b") as target:
        copied = 0
        while copied < before.st_size:
            copied += os.copy_file_range(source.fileno(), target.fileno(), before.st_size - copied)
    put_times_back(path, before)


def reflink(path, text):
    before = os.stat(path)
    make(path + ".source", text)
    with open(path + ".source", "rb") as source, open(path, "r+b") as target:
        if libc.ioctl(target.fileno(), ctypes.c_ulong(FICLONE), source.fileno()) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    put_times_back(path, before)


def punch(path, text):
    """Makes the second half of the file a hole: `text` is that content."""
    before = os.stat(path)
    half = before.st_size // 2
    mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
    with open(path, "r+b") as file:
        if libc.fallocate(file.fileno(), mode, ctypes.c_long(half), ctypes.c_long(half)) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    put_times_back(path, before)


def lengthen(path, text):
    with open(path, "wb") as file:
        file.write(text.encode() * 2)


def link(path, text):
    make(path, text)
    os.link(path, path + ".link")


def map_file(path, text):
    make(path, text)
    file = open(path, "r+b")
    os.fsync(file.fileno())
    mappings[path] = mmap.mmap(file.fileno(), 0)
    mappings[path][0]


def store(path, text):
    mappings[path][:] = text.encode()


def open_lmdb(path, text):
    import lmdb

    os.makedirs(os.path.dirname(path), exist_ok=True)
    environments[path] = lmdb.open(path, subdir=False, map_size=1 << 20, writemap=True, map_async=True)
    environments[path].sync(True)
    put_lmdb(path, text)


def put_lmdb(path, text):
    with environments[path].begin(write=True) as transaction:
        transaction.put(b"key", text.encode())


def stir_lmdb(path, text):
    """So many commits that every page which a later one may take is dirty."""
    for _ in range(20):
        put_lmdb(path, text)


def write_long(path, source):
    """One write(2) of all that `source` holds, through a mapping that is filled during the call."""
    with open(source, "rb") as slow, open(path, "r+b") as target:
        pages = mmap.mmap(slow.fileno(), 0, prot=mmap.PROT_READ)
        written = os.write(target.fileno(), pages)
        if written != len(pages):
            raise OSError(f"write(2) wrote {written} of {len(pages)} bytes")


DEEDS = {
    "copy": copy,
    "copy range": copy_range,
    "lengthen": lengthen,
    "link": link,
    "make": make,
    "map": map_file,
    "open lmdb": open_lmdb,
    "punch": punch,
    "put lmdb": put_lmdb,
    "reflink": reflink,
    "rename": rename,
    "rewrite": rewrite,
    "rsync": rsync,
    "stir lmdb": stir_lmdb,
    "store": store,
    "truncate": truncate,
    "write long": write_long,
}

for line in sys.stdin:
    request = json.loads(line)
    try:
        DEEDS[request["deed"]](request["path"], request["text"])
        print("null", flush=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(json.dumps(str(error)), flush=True)
