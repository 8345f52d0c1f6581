"""Plays a match with random inputs and prints what happened as JSON.

    python3 play.py [--url http://127.0.0.1:8080] [--game arena] [--mode ffa] [--seconds 5]
"""

import argparse
import json
import random

import tactus

parser = argparse.ArgumentParser()
parser.add_argument("--url", default="http://127.0.0.1:8080")
parser.add_argument("--game", default="")
parser.add_argument("--mode", default="")
parser.add_argument("--name", default="Python")
parser.add_argument("--seconds", type=float, default=5)
args = parser.parse_args()


def steer(match):
    """Random words within the ranges of the input's fields; a new choice every half second."""
    if match.seq % (match.rate // 2) == 0 or not hasattr(match, "wish"):
        match.wish = []
        for field in match.input["fields"]:
            low, high, words = field[7], field[8], field[4]
            match.wish += [random.randint(low, high) for _ in range(words)]
    return match.wish


matchmaker = tactus.Matchmaker(args.url)
assignment = matchmaker.find(game=args.game, mode=args.mode, playerName=args.name)
match = tactus.Match(assignment["url"], assignment["joinToken"])
match.play(args.seconds / 2, steer)
said = match.ask(tactus.SAY, "gg")
refused = match.ask(tactus.SAY, "x" * 201)
match.socket.shutdown()  # as a connection does that breaks: play comes back to the seat
match.play(args.seconds / 2, steer)
own = {name for name, flags, team in [match.roster[match.slot]]}
print(
    json.dumps(
        {
            "match": assignment["matchId"],
            "name": own.pop(),
            "features": match.features,
            "tick": match.replica.tick,
            "applied": match.replica.ack,
            "sent": match.seq,
            "hashes": match.hashes,
            "resyncs": match.resyncs,
            "slack": match.replica.slack,
            "said": said,
            "refused": refused,
            "closed": match.leave(),
        }
    )
)
