#!/usr/bin/env python3
"""Writes archives of bundles, as seeds for the fuzzer: one that is whole, and one of each kind of entry that is refused.

Usage: tools/fuzz/bundles.py FOLDER
"""
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

PARTS = {"system/kernel.txt": b"Linux\n", "store/STORE": b"x" * 40, "store/00000000000000000001.seg": b"y" * 200}


def manifest(parts):
    listed = [
        {"path": name, "ok": True, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in parts.items()
    ]
    listed.append({"path": "containers/docker.json", "ok": False, "reason": "docker is not installed"})
    return json.dumps({
        "format": "vmlog-evidence", "version": 1, "written_by": "vmlog", "created": "2026-02-17T14:30:15.000000Z",
        "host": "h", "window": {"until": "2026-02-17T14:30:15.000000Z"}, "bytes_max": 1000, "seconds_max": 30,
        "records": {"kept": 1, "left_out": 2, "not_read": 0}, "parts": listed,
    }).encode()


def archive(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, kind, data in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size, entry.linkname = kind, len(data), "store/STORE" if kind != tarfile.REGTYPE else ""
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def main():
    folder = Path(sys.argv[1])
    regular = [(name, tarfile.REGTYPE, data) for name, data in PARTS.items()]
    last = [("manifest.json", tarfile.REGTYPE, manifest(PARTS))]
    seeds = {"whole": regular + last, "empty": [("manifest.json", tarfile.REGTYPE, manifest({}))]}
    for name, kind in [("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("folder", tarfile.DIRTYPE), ("pipe", tarfile.FIFOTYPE)]:
        seeds[name] = [("store/a", kind, b"")] + last
    for name, path in [("above", "../a"), ("root", "/a"), ("hidden", "store/.a"), ("twice", "store/STORE")]:
        seeds[name] = regular + [(path, tarfile.REGTYPE, b"z")] + last
    for name, entries in seeds.items():
        (folder / name).write_bytes(archive(entries))


main()
