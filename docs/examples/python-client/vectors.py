"""Compares this client's reading of the wire with the golden vectors.

    python3 vectors.py [FOLDER]

FOLDER is protocol/testdata/vectors unless given.
"""

import json
import pathlib
import sys

import msgpack

from replica import Replica

here = pathlib.Path(__file__).resolve().parent
folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "../../../protocol/testdata/vectors"


def load(name):
    return json.loads((folder / name).read_text())


def main():
    messages = load("messages.json")
    for v in messages:
        assert msgpack.unpackb(bytes.fromhex(v["hex"])) == v["value"], v["name"]
    frames = 0
    for sequence in load("snapshots.json"):
        replica = Replica(sequence["schema"])
        for frame in sequence["frames"]:
            name = f"{sequence['name']}: {frame['name']}"
            assert replica.apply(msgpack.unpackb(bytes.fromhex(frame["hex"]))), name
            for key in ("tick", "gap", "ack", "slack", "flags", "percent"):
                assert getattr(replica, key) == frame[key], f"{name}: {key}"
            for table in replica.tables:
                rows = [
                    {"index": i, "generation": table.generations[i], "words": table.rows[i]} for i in sorted(table.rows)
                ]
                assert rows == frame["tables"][table.name], f"{name}: {table.name}"
            events = [dict(zip(("seq", "tick", "table", "words"), e)) for e in replica.news]
            assert events == frame["events"], f"{name}: events"
            assert replica.hash() == frame["hash"], f"{name}: hash"
            frames += 1
    print(f"{len(messages)} messages and {frames} snapshots read as the vectors have them")


main()
