"""The state that a client sees: docs/protocol.md, sections 4 to 6."""

PUBLIC, TEAM, OWNER = 0, 1, 2
KEYFRAME, DIFFERENCES, HASHED, DILATED = 1, 2, 4, 8
ABSOLUTE = 32  # added to the table's index in a block whose groups hold values


def signed(word):
    """A word as the signed number of 32 bits that it is."""
    word &= 0xFFFFFFFF
    return word - 0x100000000 if word & 0x80000000 else word


class Field:
    def __init__(self, raw):
        # A later server may add elements.
        self.name, self.kind, self.vis, self.offset, self.words, self.quant, self.lerp, self.min, self.max = raw[:9]


class Table:
    """The rows of one table: words by row index."""

    def __init__(self, raw):
        self.name, self.capacity, self.stride = raw["name"], raw["capacity"], raw["stride"]
        self.fields = [Field(f) for f in raw["fields"]]
        self.slot = raw.get("slot", -1)
        self.rows, self.generations = {}, {}
        # The columns of each section: (field, whether only its low bits).
        self.columns = (
            [(f, False) for f in self.fields if f.vis == PUBLIC],
            [(f, False) for f in self.fields if f.vis == TEAM],
            [(f, f.vis == PUBLIC) for f in self.fields if f.vis == OWNER or f.vis == PUBLIC and f.quant > 0],
        )

    def value(self, index, name):
        """The words of a field of a row."""
        field = next(f for f in self.fields if f.name == name)
        return self.rows[index][field.offset : field.offset + field.words]


class Replica:
    """All tables, and the head of the newest snapshot."""

    def __init__(self, schema):
        self.tables = [Table(t) for t in schema["tables"]]
        self.events = [Table(t) for t in schema["events"]]
        self.tick = self.gap = self.ack = self.slack = self.flags = self.event = 0
        self.percent = 100
        self.news = []  # events that the newest snapshot brought: (seq, tick, table, words)

    def apply(self, message):
        """Applies a snapshot. It returns False when the snapshot does not follow
        the last one, or the state is not the server's: ask for a resync then."""
        _, tick, gap, ack, slack, flags, public, team, own, events, *rest = message
        if not flags & KEYFRAME and tick - gap != self.tick:
            return False
        if flags & KEYFRAME:
            for t in self.tables:
                t.rows.clear()
        for which, section in enumerate((public, team, own)):
            self._section(iter(section or ()), which, bool(flags & DIFFERENCES))
        self._events(events or ())
        self.tick, self.gap, self.ack, self.slack, self.flags = tick, gap, ack, slack, flags
        want = rest.pop(0) if flags & HASHED else None
        self.percent = rest.pop(0) if flags & DILATED else 100
        return want is None or want == self.hash()

    def _section(self, words, which, differences):
        for head in words:
            absolute = head >= ABSOLUTE
            table = self.tables[head - ABSOLUTE if absolute else head]
            columns = table.columns[which]
            for index in self._indices(words):
                table.rows.pop(index, None)
            for index in self._indices(words):
                table.generations[index] = next(words)
                table.rows[index] = [0] * table.stride
                self._columns(words, table.rows[index], columns, False)
            for _ in range(next(words)):
                mask = next(words)
                present = [c for i, c in enumerate(columns) if mask >> i & 1]
                for index in self._indices(words):
                    # The words of a row that the client does not know are read over.
                    row = table.rows.get(index) or [0] * table.stride
                    self._columns(words, row, present, differences and not absolute)

    @staticmethod
    def _indices(words):
        index = -1
        for _ in range(next(words)):
            index += 1 + next(words)
            yield index

    @staticmethod
    def _columns(words, row, columns, difference):
        for field, only_low in columns:
            low = (1 << field.quant) - 1
            for at in range(field.offset, field.offset + field.words):
                v, old = next(words), row[at]
                if field.quant == 0 or field.vis != PUBLIC:
                    new = old + v if difference else v
                elif only_low:
                    new = old & ~low | ((old & low) + v if difference else v) & low
                else:
                    new = ((old >> field.quant) + v if difference else v) << field.quant | old & low
                row[at] = signed(new)

    def _events(self, events):
        self.news = []
        for seq, tick, table, *words in events:
            if seq > self.event:  # after a resume some come again
                self.event = seq
                self.news.append((seq, tick, table, words[: self.events[table].stride]))

    def hash(self):
        a, n = 0x54414354, 0
        for i, table in enumerate(self.tables):
            for index in sorted(table.rows):
                entity = table.generations[index] << 16 | index
                for word in (i, entity, *table.rows[index]):
                    k = (word & 0xFFFFFFFF) * 0xCC9E2D51 & 0xFFFFFFFF
                    a ^= rotl(k, 15) * 0x1B873593 & 0xFFFFFFFF
                    a = rotl(a, 13) * 5 + 0xE6546B64 & 0xFFFFFFFF
                    n += 1
        x = a ^ n
        x = (x ^ x >> 16) * 0x85EBCA6B & 0xFFFFFFFF
        x = (x ^ x >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
        return x ^ x >> 16


def rotl(x, bits):
    return (x << bits | x >> 32 - bits) & 0xFFFFFFFF
