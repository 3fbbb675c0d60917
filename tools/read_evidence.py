#!/usr/bin/env python3
"""Checks a bundle of evidence and prints its manifest, then its records as JSON lines. Written from format-spec/evidence.md alone, to prove
that it is enough; `read_segment.py` reads the records.

Usage: read_evidence.py BUNDLE

Needs Python 3.10 and the `zstandard` package. Whatever a bundle must not have ends the program.
"""

import hashlib
import io
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

import zstandard

PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
BYTES_MAX = 2 << 30
FILES_MAX = 20_000


def files(path):
    """The files of the archive, by name in its order."""
    with open(path, "rb") as packed:
        decompressor = zstandard.ZstdDecompressor(max_window_size=8 << 20)
        data = decompressor.stream_reader(packed).read(BYTES_MAX + 1)
    assert len(data) <= BYTES_MAX, "too large"
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for member in archive:
            parts = member.name.split("/")
            assert member.type == tarfile.REGTYPE, f"{member.name} is not a regular file"
            assert len(parts) <= 3 and all(map(PART.fullmatch, parts)), f"{member.name} is not a name"
            assert member.name not in found, f"{member.name} is there twice"
            found[member.name] = archive.extractfile(member).read()
            assert len(found) <= FILES_MAX, "too many files"
    return found


def main():
    found = files(sys.argv[1])
    assert list(found)[-1] == "manifest.json", "the manifest is not the last file"
    manifest = json.loads(found.pop("manifest.json"))
    assert (manifest["format"], manifest["version"]) == ("vmlog-evidence", 1)
    named = [part for part in manifest["parts"] if part["ok"]]
    assert [part["path"] for part in named] == list(found), "manifest and archive differ"
    for part in named:
        content = found[part["path"]]
        assert len(content) == part["bytes"], f"{part['path']}: size"
        assert hashlib.sha256(content).hexdigest() == part["sha256"], f"{part['path']}: sha256"
    for part in manifest["parts"]:
        assert part["ok"] or part["reason"], f"{part['path']} is missing without a reason"
    assert sum(map(len, found.values())) <= manifest["bytes_max"]
    print(json.dumps(manifest))
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, content in found.items():
            if name.startswith("store/"):
                (root / name.removeprefix("store/")).write_bytes(content)
        if any(root.iterdir()):
            reader = pathlib.Path(__file__).with_name("read_segment.py")
            records = subprocess.run([sys.executable, reader, root], check=True, stdout=subprocess.PIPE)
            sys.stdout.write(records.stdout.decode())


if __name__ == "__main__":
    main()
