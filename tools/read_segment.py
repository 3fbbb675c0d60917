#!/usr/bin/env python3
"""Prints the records of a store folder as JSON lines. Written from format-spec/store.md alone, to prove that it is enough.

Usage: read_segment.py FOLDER

Needs Python 3.10 and the `zstandard` package. Damage is not worked around: it ends the program.
"""

import json
import pathlib
import re
import struct
import sys
import zlib

import zstandard

LEVELS = ["debug", "info", "warn", "error"]


class Cursor:
    """What is left of some bytes."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        taken = self.data[self.at : self.at + count]
        assert len(taken) == count, "bytes are missing"
        self.at += count
        return taken

    def number(self, size, signed=False):
        return int.from_bytes(self.take(size), "little", signed=signed)

    def column(self, size, rows, signed=False):
        return [self.number(size, signed) for _ in range(rows)]

    def rest(self):
        return self.take(len(self.data) - self.at)


def varints(data):
    values, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            values.append(value)
            value, shift = 0, 0
    assert shift == 0, "a varint is cut off"
    return values


def unzigzag(number):
    return (number >> 1) ^ -(number & 1)


# CBOR, as much of it as S1 allows.


def cbor(cursor):
    first = cursor.number(1)
    major, minor = first >> 5, first & 31
    if major == 7:
        if minor in (20, 21, 22):
            return {20: False, 21: True, 22: None}[minor]
        size = {25: 2, 26: 4, 27: 8}[minor]
        return struct.unpack({2: ">e", 4: ">f", 8: ">d"}[size], cursor.take(size))[0]
    if minor < 24:
        argument = minor
    else:
        argument = int.from_bytes(cursor.take(1 << (minor - 24)), "big")
    if major == 0:
        return argument
    if major == 1:
        return -1 - argument
    if major == 3:
        return cursor.take(argument).decode()
    if major == 4:
        return [cbor(cursor) for _ in range(argument)]
    assert major == 5, "not what JSON has"
    pairs = [(cbor(cursor), cbor(cursor)) for _ in range(argument)]
    return dict(pairs)


def metadata(data):
    if not data:
        return {}
    cursor = Cursor(data)
    value = cbor(cursor)
    assert isinstance(value, dict) and not cursor.rest()
    return value


def cut(data, lengths):
    cursor = Cursor(data)
    parts = [cursor.take(length) for length in lengths]
    assert not cursor.rest()
    return parts


# S4


def header(data, kind):
    assert data[:8] == b"VMLOGSEG"
    assert zlib.crc32(data[:60]) == int.from_bytes(data[60:64], "little"), "header crc"
    cursor = Cursor(data[8:60])
    assert cursor.number(4) == 1, "format version"
    assert cursor.number(4) == kind
    store = cursor.take(16)
    return store, cursor.number(8)


def positions(cursor, count, known):
    for _ in range(count):
        origin_length, value_length = cursor.number(4), cursor.number(4)
        origin = cursor.take(origin_length).decode()
        if value_length == 0xFFFFFFFF:
            known.pop(origin, None)
        else:
            known[origin] = cursor.take(value_length)


# S5 and S6


def active(data, result):
    store, _ = header(data, 1)
    offset, sources = 64, {}
    while offset + 24 <= len(data) and data[offset : offset + 4] == b"VMLF":
        crc, length, kind = struct.unpack("<III", data[offset + 4 : offset + 16])
        frame = data[offset + 8 : offset + 24 + length]
        if len(frame) < 16 + length:
            break
        if zlib.crc32(store + struct.pack("<Q", offset) + frame) != crc:
            break
        offset += 24 + length
        cursor = Cursor(frame[16:])
        if kind == 1:
            batch(cursor, sources, result)
        elif kind == 2:
            result.low_water = max(result.low_water, cursor.number(8))
            result.positions.clear()
            positions(cursor, cursor.number(4), result.positions)
        elif kind == 3:
            result.low_water = max(result.low_water, cursor.number(8))
        assert not cursor.rest()


def batch(cursor, sources, result):
    first_id = cursor.number(8)
    rows, source_count, position_count = (cursor.number(4) for _ in range(3))
    for _ in range(source_count):
        number = cursor.number(4)
        sources[number] = cursor.take(cursor.number(2)).decode()
    positions(cursor, position_count, result.positions)
    times = cursor.column(8, rows, signed=True)
    names = [sources[number] for number in cursor.column(4, rows)]
    levels = cursor.column(1, rows)
    message_lengths = cursor.column(4, rows)
    metadata_lengths = cursor.column(4, rows)
    messages = cut(cursor.take(sum(message_lengths)), message_lengths)
    extras = cut(cursor.take(sum(metadata_lengths)), metadata_lengths)
    for row in range(rows):
        result.add(first_id + row, times[row], names[row], levels[row], messages[row], extras[row])


# S7 to S9


def sealed(data, result):
    store, first_id = header(data, 2)
    trailer = data[-48:]
    assert trailer[40:] == b"VMLOGEND" and trailer[:16] == store
    assert zlib.crc32(trailer[:36]) == int.from_bytes(trailer[36:40], "little"), "trailer crc"
    first, second = struct.unpack("<QQ", trailer[16:32])
    magic, length, crc = struct.unpack("<8sII", data[first : first + 16])
    content = data[first + 16 : first + 16 + length]
    assert magic == b"VMLOGFTR" and zlib.crc32(store + content) == crc, "footer crc"
    assert data[second : second + 16 + length] == data[first : first + 16 + length]
    cursor = Cursor(content)
    assert cursor.number(8) == first_id
    end_id = cursor.number(8)
    cursor.number(8)
    result.low_water = max(result.low_water, cursor.number(8))
    source_count, block_count, position_count = (cursor.number(4) for _ in range(3))
    sources = [cursor.take(cursor.number(2)).decode() for _ in range(source_count)]
    result.positions.clear()
    positions(cursor, position_count, result.positions)
    for _ in range(block_count):
        block(data, Cursor(cursor.take(176)), sources, result)
    assert not cursor.rest()
    return end_id


def block(data, entry, sources, result):
    source, rows = entry.number(4), entry.number(4)
    first_id, end_id = entry.number(8), entry.number(8)
    times_range = entry.number(8, signed=True), entry.number(8, signed=True)
    by_level = entry.column(4, 4)
    offset = entry.number(8)
    bitmap_offset, bitmap_length, bitmap_crc = entry.number(8), entry.number(4), entry.number(4)
    columns = []
    for _ in range(8):
        stored_length, raw_length, crc = (entry.number(4) for _ in range(3))
        stored = data[offset : offset + stored_length]
        offset += stored_length
        assert zlib.crc32(stored) == crc, "column crc"
        if stored_length == raw_length:
            columns.append(stored)
        else:
            raw = zstandard.ZstdDecompressor().decompress(stored, max_output_size=raw_length)
            assert len(raw) == raw_length
            columns.append(raw)
    ids, next_id = [], first_id
    for gap in varints(columns[0]):
        ids.append(next_id + gap)
        next_id = ids[-1] + 1
    assert next_id == end_id and len(ids) == rows
    several = source == 0xFFFFFFFF
    numbers = varints(columns[1]) if several else [source] * rows
    times, time = [], 0
    for step in varints(columns[2]):
        time += unzigzag(step)
        times.append(time)
    assert (min(times), max(times)) == times_range
    levels = list(columns[3])
    assert [levels.count(level) for level in range(4)] == by_level
    messages = cut(columns[6], varints(columns[4]))
    extras = cut(columns[7], varints(columns[5]))
    for row in range(rows):
        result.add(ids[row], times[row], sources[numbers[row]], levels[row], messages[row], extras[row])
    bitmap = data[bitmap_offset : bitmap_offset + bitmap_length]
    assert zlib.crc32(bitmap) == bitmap_crc, "bitmap crc"
    for message in messages:
        assert may_contain(bitmap, fold(message.decode())), "the bitmap denies a message"


# S10


def fold(text):
    return "".join(map(fold_char, text)).encode()


def fold_char(char):
    if char.isascii():
        return char.lower()
    if char == "\u0131":
        return char
    upper = char.upper() if len(char.upper()) == 1 else char
    return upper.lower() if len(upper.lower()) == 1 else upper


def may_contain(bitmap, folded):
    shift = 32 - (len(bitmap) * 8).bit_length() + 1
    for a, b, c in zip(folded, folded[1:], folded[2:]):
        bit = ((a + 256 * b + 65536 * c) * 0x9E3779B1 % 2**32) >> shift
        if not bitmap[bit // 8] >> (bit % 8) & 1:
            return False
    return True


class Result:
    """What the files of a store say."""

    def __init__(self):
        self.records = {}
        self.positions = {}
        self.low_water = 0

    def add(self, number, time, source, level, message, extra):
        assert number not in self.records, "an id twice"
        self.records[number] = {
            "id": number,
            "timestamp": time,
            "source": source,
            "level": LEVELS[level],
            "message": message.decode(),
            "metadata": metadata(extra),
        }


def read(folder):
    """S2: every segment of a folder, oldest first."""
    if (folder / "restoring" / "STORE").exists():
        folder = folder / "restoring"
    text = (folder / "STORE").read_text()
    fields, crc = text[: -len("crc 00000000\n")], text[-len("00000000\n") :].strip()
    assert zlib.crc32(fields.encode()) == int(crc, 16), "STORE crc"
    assert fields.splitlines()[1] == "format 1"
    files = []
    for path in folder.iterdir():
        match = re.fullmatch(r"(\d{20})\.(seg|open)", path.name)
        if match:
            # S2.1: of one id the sealed file comes first.
            files.append((int(match[1]), match[2] == "open", path))
    result = Result()
    end_id = 0
    for first_id, is_active, path in sorted(files):
        if first_id < end_id:
            continue
        if is_active:
            active(path.read_bytes(), result)
        else:
            end_id = sealed(path.read_bytes(), result)
    return result


def main():
    result = read(pathlib.Path(sys.argv[1]))
    for number, record in sorted(result.records.items()):
        if number >= result.low_water:
            print(json.dumps(record, ensure_ascii=False))
    for origin, value in sorted(result.positions.items()):
        print(json.dumps({"origin": origin, "position": value.hex()}))


if __name__ == "__main__":
    main()
