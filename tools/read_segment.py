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
    """The unread bytes of a sequence."""

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
    version = cursor.number(4)
    assert version in (1, 2, 3, 4), "format version"
    assert cursor.number(4) == kind
    store = cursor.take(16)
    first_id = cursor.number(8)
    cursor.number(8)
    degree, removed = cursor.number(4), cursor.number(8)
    assert degree or not removed
    assert kind == 2 or not degree, "only a sealed segment can be a kept one"
    return version, store, first_id, removed


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
    version, store, _, _ = header(data, 1)
    offset, sources, stream = 64, {}, None
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
        elif kind == 4:
            assert version >= 3
            raw_length, position = cursor.number(4), cursor.number(4)
            if position == 0:
                stream = Stream()
            raw = Cursor(stream.batch(cursor.rest(), position, raw_length))
            batch(raw, sources, result)
            assert not raw.rest()
        elif kind == 2:
            result.low_water = max(result.low_water, cursor.number(8))
            result.positions.clear()
            positions(cursor, cursor.number(4), result.positions)
        elif kind == 3:
            result.low_water = max(result.low_water, cursor.number(8))
        assert not cursor.rest()


class Stream:
    """Batches that are one zstd frame."""

    def __init__(self):
        self.zstd = zstandard.ZstdDecompressor(max_window_size=1 << 20).decompressobj()
        self.position = 0

    def batch(self, compressed, position, raw_length):
        assert position == self.position, "a part of a stream is missing"
        raw = self.zstd.decompress(compressed)
        assert len(raw) == raw_length > 0
        self.position += raw_length
        return raw


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
    version, store, first_id, removed = header(data, 2)
    trailer = data[-48:]
    assert trailer[40:] == b"VMLOGEND" and trailer[:16] == store
    assert zlib.crc32(trailer[:36]) == int.from_bytes(trailer[36:40], "little"), "trailer crc"
    assert int.from_bytes(trailer[32:36], "little") == version
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
    fields = None
    if version >= 2:
        offset, stored_length, raw_length, crc = (cursor.number(size) for size in (8, 4, 4, 4))
        fields = Fields(chunk(data, offset, stored_length, raw_length, crc), version)
    for _ in range(block_count):
        block(data, Cursor(cursor.take({1: 176, 2: 192, 3: 200, 4: 200}[version])), sources, fields, result)
    assert not cursor.rest()
    assert fields is None or not fields.cursor.rest()
    # S2.7: what is missing of a kept segment was left out, or lost before.
    rows = sum(first_id <= number < end_id for number in result.records)
    assert rows + removed <= end_id - first_id
    return end_id


def chunk(data, offset, stored_length, raw_length, crc):
    stored = data[offset : offset + stored_length]
    assert len(stored) == stored_length and zlib.crc32(stored) == crc, "crc of a chunk"
    if stored_length == raw_length:
        return stored
    raw = zstandard.ZstdDecompressor().decompress(stored, max_output_size=raw_length)
    assert len(raw) == raw_length
    return raw


def block(data, entry, sources, fields, result):
    source, rows = entry.number(4), entry.number(4)
    first_id, end_id = entry.number(8), entry.number(8)
    times_range = entry.number(8, signed=True), entry.number(8, signed=True)
    by_level = entry.column(4, 4)
    offset = entry.number(8)
    bitmap_offset, bitmap_length, bitmap_crc = entry.number(8), entry.number(4), entry.number(4)
    columns = []
    for _ in range(8):
        stored_length, raw_length, crc = (entry.number(4) for _ in range(3))
        columns.append(chunk(data, offset, stored_length, raw_length, crc))
        offset += stored_length
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
    # The filter and the form of the metadata are in the entries of later versions only.
    filter_chunk = [entry.number(size) for size in (8, 4, 4)] if len(entry.data) >= 192 else None
    if len(entry.data) >= 200:
        metadata_length, form = entry.number(4), entry.number(4)
        columns[7] = metadata_by_row(columns[7], rows, form)
        assert len(columns[7]) == metadata_length
    extras = cut(columns[7], varints(columns[5]))
    for row in range(rows):
        result.add(ids[row], times[row], sources[numbers[row]], levels[row], messages[row], extras[row])
    bitmap = chunk(data, bitmap_offset, bitmap_length, bitmap_length, bitmap_crc)
    texts = [fold(message.decode()) for message in messages]
    if fields is None:
        for text in texts:
            assert bitmap_1_may_contain(bitmap, text), "the bitmap denies a message"
        return
    filter_offset, filter_length, filter_crc = filter_chunk
    filter_bytes = chunk(data, filter_offset, filter_length, filter_length, filter_crc)
    if len(entry.data) >= 200 and several:
        for number in set(numbers):
            number = source_hash(sources[number])
            assert is_in_filter(filter_bytes, number, fields.version), "the filter denies a source"
    values = [metadata(extra) for extra in extras]
    for text in texts + [fold(leaf) for value in values for leaf in leaves(value)]:
        assert may_contain(bitmap, text), "the bitmap denies a text"
        for sample in samples(text):
            assert is_in_filter(filter_bytes, sample, fields.version), "the filter denies a text"
    fields.check(values, filter_bytes)


# S9.1


def head(major, argument):
    """The head of a CBOR item, as short as possible."""
    if argument < 24:
        return bytes([major << 5 | argument])
    size = next(size for size in (1, 2, 4, 8) if argument < 256**size)
    return bytes([major << 5 | 23 + size.bit_length()]) + argument.to_bytes(size, "big")


def metadata_by_row(data, rows, form):
    if form == 0:
        return data
    assert form in (1, 2)
    cursor = Cursor(data)
    names = [cursor.take(varint(cursor)) for _ in range(varint(cursor))]
    shapes = [[varint(cursor) for _ in range(varint(cursor))] for _ in range(varint(cursor))]
    shape_of = [varint(cursor) for _ in range(rows)]
    layouts = [(varint(cursor) if form == 2 else 0, varint(cursor)) for _ in names]
    values = [Cursor(cursor.take(length)) for _, length in layouts]
    for key, (numbered, _) in enumerate(layouts):
        if numbered:
            count = sum(shapes[shape].count(key) for shape in shape_of)
            different = [item(values[key]) for _ in range(numbered)]
            assert not values[key].rest() and len(set(different)) == numbered
            values[key] = Cursor(b"".join(different[number] for number in cursor.take(count)))
    assert not cursor.rest()
    out = b""
    for keys in map(shapes.__getitem__, shape_of):
        if keys:
            out += head(5, len(keys))
        for key in keys:
            out += head(3, len(names[key])) + names[key] + item(values[key])
    assert not any(value.rest() for value in values)
    return out


def item(cursor):
    """The bytes of the next CBOR item."""
    start = cursor.at
    cbor(cursor)
    return cursor.data[start : cursor.at]


def varint(cursor):
    value, shift = 0, 0
    while True:
        byte = cursor.number(1)
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value


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


def bitmap_1_may_contain(bitmap, folded):
    shift = 32 - (len(bitmap) * 8).bit_length() + 1
    for a, b, c in zip(folded, folded[1:], folded[2:]):
        if not bit(bitmap, ((a + 256 * b + 65536 * c) * 0x9E3779B1 % 2**32) >> shift):
            return False
    return True


def bit(data, number):
    return data[number // 8] >> (number % 8) & 1


CODED = "0123456789abcdefghijklmnopqrstuvwxyz -_./:=,;\"'()[]{}<>@#%&+*|"


def code(byte):
    if byte >= 128:
        return byte % 64
    return CODED.index(chr(byte)) if chr(byte) in CODED else 62


def may_contain(bitmap, folded):
    length = int.from_bytes(bitmap[:4], "little")
    words, digits = bitmap[4 : 4 + length], bitmap[4 + length :]
    codes = [code(byte) for byte in folded]
    for a, b, c in zip(codes, codes[1:], codes[2:]):
        if max(a, b, c) < 16:
            part, number = digits, (256 * a + 16 * b + c) * len(digits) * 8 // 4096
        else:
            gram = (4096 * a + 64 * b + c) * 0x9E3779B1 % 2**32
            part, number = words, gram * len(words) * 8 // 2**32
        if not part or not bit(part, number):
            return False
    return True


# S10.2


def mix(number):
    number = (number + 0x9E3779B97F4A7C15) % 2**64
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    number = (number ^ number >> 27) * 0x94D049BB133111EB % 2**64
    return number ^ number >> 31


def samples(folded):
    found = set()
    for token in re.findall(rb"[0-9a-z_-]{12,}", folded):
        if not re.search(rb"[0-9]", token):
            continue
        hashes = [mix(int.from_bytes(token[at : at + 6], "little")) for at in range(len(token) - 5)]
        found.update(min(hashes[at : at + 7]) for at in range(len(hashes) - 6))
    return found


def fnv(data):
    number = 0xCBF29CE484222325
    for byte in data:
        number = (number ^ byte) * 0x100000001B3 % 2**64
    return number


def pair_hash(path, text):
    return mix(fnv(path.encode() + b"\0" + text.encode()))


def source_hash(name):
    return mix(fnv(b"\xff" + name.encode()))


def is_in_filter(data, number, version):
    low, high = number % 2**32, number >> 32
    probes = 5 if version >= 4 else 4
    places = [(low + high * probe) % 2**32 * len(data) * 8 // 2**32 for probe in range(probes)]
    return bool(data) and all(bit(data, place) for place in places)


def may_have_value(filter_bytes, path, text, version):
    is_searched = path.split(".")[0] not in BOOKKEEPING
    if version >= 4 and is_searched and text[:1] not in ("[", "{") and samples(fold(text)):
        return all(is_in_filter(filter_bytes, sample, version) for sample in samples(fold(text)))
    return is_in_filter(filter_bytes, pair_hash(path, text), version)


# S10.3

BOOKKEEPING = """_BOOT_ID _MACHINE_ID _STREAM_ID _SYSTEMD_INVOCATION_ID
    boot_id invocation_id machine_id message_base64""".split()


def is_float_free(value):
    """Floats have more than one text: what they are compared as is not checked here."""
    if isinstance(value, (list, dict)):
        items = value.values() if isinstance(value, dict) else value
        return all(map(is_float_free, items))
    return not isinstance(value, float)


def text_of(value):
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def leaves(value, top=True):
    if isinstance(value, dict):
        items = [item for key, item in value.items() if not (top and key in BOOKKEEPING)]
        return [leaf for item in items for leaf in leaves(item, False)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item, False)]
    return [] if value is None or isinstance(value, float) else [text_of(value)]


def paths(row):
    found = {}
    for key, value in row.items():
        found[key] = value
        if "." not in key:
            nested(key, value, row, found)
    return found


def nested(path, value, row, found):
    if isinstance(value, dict):
        for name, item in value.items():
            if "." not in name:
                inner = f"{path}.{name}"
                if inner not in row:
                    found[inner] = item
                nested(inner, item, row, found)


class Fields:
    """The field index of a segment; its blocks are read one after another."""

    def __init__(self, raw, version):
        self.version = version
        self.cursor = Cursor(raw)
        self.keys = []
        for _ in range(self.varint()):
            name = self.text()
            self.keys.append((name, [self.text() for _ in range(self.varint())]))

    def varint(self):
        return varint(self.cursor)

    def text(self):
        return self.cursor.take(self.varint()).decode()

    def check(self, rows, filter_bytes):
        is_incomplete = self.varint()
        known = {}
        for _ in range(self.varint()):
            name, values = self.keys[self.varint()]
            count, form = self.varint(), self.varint()
            assert form in (0, 1, 2, 3) and (form != 3 or self.version >= 4)
            listed = None
            if form == 0 and self.version >= 4:
                listed = self.cursor.number(8)
            elif form == 3:
                bits = self.cursor.take(self.varint())
                listed = {values[number] for number in range(8 * len(bits)) if bit(bits, number)}
            elif form:
                pairs = [(self.varint(), self.varint()) for _ in range(self.varint())]
                listed = {values[number]: rows_of for number, rows_of in pairs}
            known[name] = count, form, listed
        found = {}
        for row in rows:
            for path, value in paths(row).items():
                found.setdefault(path, []).append(value if isinstance(value, list) else [value])
        for path, values in found.items():
            if path not in known:
                assert is_incomplete, "a key that the index denies"
                continue
            count, form, listed = known.pop(path)
            assert count == len(values)
            if not all(map(is_float_free, values)):
                continue
            counts = {}
            for items in values:
                for text in set(map(text_of, items)):
                    counts[text] = counts.get(text, 0) + 1
            if form == 0:
                for text in counts:
                    assert may_have_value(filter_bytes, path, text, self.version), "the filter denies a value"
                    if listed is not None:
                        assert all(listed >> code(byte) & 1 for byte in fold(text)), "a character that the alphabet denies"
            elif form == 3:
                assert listed == set(counts)
            else:
                assert listed == counts
                assert (form == 2) == all(len(set(map(text_of, items))) == 1 for items in values)
        assert not known, "a key that no row has"


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
    assert fields.splitlines()[1] in ("format 1", "format 2", "format 3", "format 4")
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
