"""A Tactus client: search, play, come back, leave.

It was written from docs/protocol.md and docs/clients.md alone, with two
libraries: msgpack and websocket-client (on Debian python3-msgpack and
python3-websocket). Times are seconds unless a name says otherwise.
"""

import json
import random
import time
import urllib.error
import urllib.request

import msgpack
import websocket

from replica import DILATED, Replica

HELLO, INPUT, COMMAND, SAY, PING, BYE, RESYNC = range(1, 8)
WELCOME, SNAPSHOT, ROSTER, REPLY, CHAT, PONG, RESULT, NOTICE = range(16, 24)
FIRST_FINAL, LAST_FINAL = 4500, 4999


class Refused(Exception):
    """The matchmaker's error: code and reason are for programs, the text is for people."""

    def __init__(self, code, text, reason=""):
        super().__init__(text)
        self.code, self.reason = code, reason


class Closed(Exception):
    """The server closed the connection for good."""

    def __init__(self, code, sentence):
        super().__init__(f"{code} {sentence}")
        self.code = code


class Matchmaker:
    """The matchmaker's calls, in JSON."""

    def __init__(self, origin="http://127.0.0.1:8080"):
        self.service = origin.rstrip("/") + "/tactus.matchmaker.v1.MatchmakerService/"
        self.guest = ""  # who the player is: keep it

    def call(self, method, request, timeout=10):
        body = json.dumps(request).encode()
        headers = {"Content-Type": "application/json", "Connect-Protocol-Version": "1"}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.service + method, body, headers), timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise refusal(error) from None

    def find(self, patience=60, **ticket):
        """Searches, and returns the assignment. ticket: fields of CreateTicketRequest in
        the JSON of protobuf, such as game="arena", mode="ffa", playerName="Ada"."""
        ticket = {"protocol": "tactus.v1", "requestId": f"{random.getrandbits(64):x}", "guestToken": self.guest, **ticket}
        deadline = time.monotonic() + patience
        answer = self.create(ticket, deadline)
        self.guest = answer.get("guestToken") or self.guest
        ticket_id = answer["ticketId"]
        while time.monotonic() < deadline:
            update = self.call("GetTicket", {"ticketId": ticket_id})
            update = update.get("ticket", update)
            if update.get("state") == "STATE_ASSIGNED":
                return update["assignment"]
            if update.get("state") == "STATE_ENDED":
                raise Refused("ended", update.get("message", "the search ended"), update.get("reason", ""))
            time.sleep(0.5)  # a ticket that nobody asks for is cancelled after 5 s
        self.call("CancelTicket", {"ticketId": ticket_id})
        raise Refused("deadline_exceeded", f"no match within {patience} s")

    def create(self, ticket, deadline):
        """Opens a ticket. A repeated request with the same requestId gives the same ticket."""
        while True:
            try:
                return self.call("CreateTicket", ticket)
            except (Refused, OSError) as error:
                if getattr(error, "code", "unavailable") != "unavailable" or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)


def refusal(error):
    try:
        body = json.load(error)
    except ValueError:
        return Refused(str(error.code), f"not a matchmaker's answer: HTTP {error.code}")
    reasons = [d["debug"]["reason"] for d in body.get("details", ()) if "reason" in d.get("debug", {})]
    return Refused(body.get("code", ""), body.get("message", ""), reasons[0] if reasons else "")


class Match:
    """One seat in a match, on one connection at a time."""

    def __init__(self, url, token):
        self.url, self.token = url, token
        self.replica = None
        self.roster, self.replies, self.chats, self.results, self.notices = {}, {}, [], [], []
        self.resume = self.last_command = self.seq = self.aimed = 0
        self.lead = 4.0  # ticks that inputs are ahead of the newest snapshot
        self.hashes = self.resyncs = 0
        self.open()

    def open(self):
        """Connects, and says hello with the join token, or the resume token on the way back."""
        self.socket = websocket.create_connection(self.url, subprotocols=["tactus.v1"], timeout=10)
        hello = {"schema": 0, "client": "tactus-python/0.1", "features": ["reply"]}
        if self.resume:
            hello |= {"resume": self.resume, "event": self.replica.event}
        else:
            hello["token"] = self.token
        self.send(HELLO, hello)
        while True:
            kind, *rest = self.read()
            if kind == WELCOME:
                return self.welcome(rest[0])

    def welcome(self, w):
        self.resume, self.slot, self.rate, self.features = w["resume"], w["slot"], w["rate"], w.get("features", [])
        if self.replica is None:
            self.replica, self.input = Replica(w["schema"]), w["schema"]["input"]
        self.replica.tick = 0  # a keyframe comes
        self.tick_at, self.pinged, self.asked = time.monotonic(), 0, 0

    def send(self, *message):
        self.socket.send_binary(msgpack.packb(message))

    def read(self, timeout=10):
        """The next message, or None when none comes in time. Closed: it is over for good.
        ConnectionError: come back."""
        self.socket.settimeout(max(timeout, 0.001))
        try:
            opcode, data = self.socket.recv_data()
        except websocket.WebSocketTimeoutException:
            return None
        except (websocket.WebSocketException, OSError) as error:
            raise ConnectionError(str(error)) from None
        if opcode != websocket.ABNF.OPCODE_CLOSE:
            return msgpack.unpackb(data)
        code = int.from_bytes(data[:2], "big") if len(data) >= 2 else 1005
        if FIRST_FINAL <= code <= LAST_FINAL:
            raise Closed(code, data[2:].decode())
        raise ConnectionError(f"closed with {code}")

    def take(self, message):
        kind, *rest = message
        if kind == SNAPSHOT:
            self.snapshot(message)
        elif kind == ROSTER:
            for slot, name, flags, team, *_ in rest[0]:
                if flags & 4:
                    self.roster.pop(slot, None)
                else:
                    self.roster[slot] = (name, flags, team)
        elif kind == REPLY:
            self.replies[rest[0]] = rest[1:]
        elif kind == CHAT:
            self.chats.append((rest[0], rest[1]))
        elif kind == RESULT:
            self.results.append(rest[0])
        elif kind == NOTICE:
            self.notices.append((rest[0], rest[1]))
        # Messages of other types are those of a later server.

    def snapshot(self, message):
        now = time.monotonic()
        if not self.replica.apply(message):
            if now - self.asked > 2:  # a keyframe comes within a second
                self.asked, self.resyncs = now, self.resyncs + 1
                self.send(RESYNC)
            return
        self.tick_at = now
        self.hashes += len(message) > 10 and bool(self.replica.flags & 4)
        slack = self.replica.slack
        if slack < -2:
            self.lead += 1 - slack  # the connection stood still: jump
        elif slack != 0:
            self.lead += 0.05 * (1.5 - slack)

    def tick_now(self):
        """The server's tick that an input sent now should be for."""
        speed = self.rate * (self.replica.percent / 100 if self.replica.flags & DILATED else 1)
        return int(self.replica.tick + (time.monotonic() - self.tick_at) * speed + self.lead)

    def play(self, seconds, steer):
        """Plays for so long. steer(match) returns the words of an input; it is asked once a tick."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                self.turn(steer)
            except ConnectionError:
                self.come_back()

    def turn(self, steer):
        message = self.read(1 / self.rate)
        if message:
            self.take(message)
        now = time.monotonic()
        if now - self.pinged > 2:
            self.pinged = now
            self.send(PING, int(now * 1000) & 0xFFFFFFFF)
        if self.replica.tick and (tick := self.tick_now()) > self.aimed:
            self.aimed, self.seq = tick, self.seq + 1
            self.send(INPUT, self.seq, tick, 2 * 16, *steer(self))

    def come_back(self, grace=30):
        """Reconnects with growing pauses while the seat is kept."""
        deadline, pause = time.monotonic() + grace, 0.25
        while True:
            time.sleep(random.uniform(0, pause))
            try:
                return self.open()
            except (ConnectionError, OSError, websocket.WebSocketException):
                if time.monotonic() > deadline:
                    raise
                pause = min(2 * pause, 5)

    def ask(self, kind, *rest, timeout=5):
        """Sends a command (COMMAND, name, words) or a text (SAY, text), and waits for its reply: [ok, words, reason]."""
        self.last_command += 1
        ident = self.last_command
        self.send(kind, *((ident, *rest) if kind == COMMAND else (*rest, ident)))
        deadline = time.monotonic() + timeout
        while ident not in self.replies and time.monotonic() < deadline:
            if message := self.read(deadline - time.monotonic()):
                self.take(message)
        ok, words, *reason = self.replies.pop(ident)
        return ok, words, reason[0] if reason else ""

    def leave(self):
        """Leaves for good: the seat is free at once. It returns the close code."""
        self.send(BYE)
        try:
            while True:
                self.read()
        except Closed as closed:
            return closed.code
        finally:
            self.socket.close()
