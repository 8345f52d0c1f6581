package protocol

import "strconv"

//go:generate go run ./internal/gencodes -out ../client-js/src/codes.ts
//go:generate sh -c "go run ./internal/gencodes | go run ../internal/docblock ../docs/protocol.md close-codes"

// CloseCode is the status of a WebSocket close frame. A client reconnects after
// 4000 to 4499 and stays away after 4500 to 4999; the range alone decides.
type CloseCode uint16

// Close codes after which the client reconnects with its resume token.
const (
	CloseDraining CloseCode = 4000
	CloseMoved    CloseCode = 4001
	CloseSlow     CloseCode = 4002
	CloseRestart  CloseCode = 4003
	CloseIdle     CloseCode = 4004
)

// Close codes that are final.
const (
	CloseBadToken       CloseCode = 4500
	CloseTokenExpired   CloseCode = 4501
	CloseTokenUsed      CloseCode = 4502
	CloseUnknownSession CloseCode = 4503
	CloseMatchOver      CloseCode = 4504
	CloseKicked         CloseCode = 4505
	CloseReplaced       CloseCode = 4506
	CloseBadVersion     CloseCode = 4507
	CloseBadSchema      CloseCode = 4508
	CloseProtocol       CloseCode = 4509
	CloseTooBig         CloseCode = 4510
	CloseGameError      CloseCode = 4512
	CloseFull           CloseCode = 4513
	CloseLeft           CloseCode = 4514
)

// firstFinal and lastFinal bound the codes after which a client stays away.
const (
	firstFinal CloseCode = 4500
	lastFinal  CloseCode = 4999
)

type closeText struct {
	code CloseCode
	name string
	text string
}

var closeTexts = [...]closeText{
	{CloseDraining, "draining", "This server is going away; the match goes on elsewhere."},
	{CloseMoved, "moved", "The match has moved to another server."},
	{CloseSlow, "slow", "The connection was too slow to follow the match."},
	{CloseRestart, "restart", "The server is restarting."},
	{CloseIdle, "idle", "Nothing was heard from the client for too long."},
	{CloseBadToken, "bad_token", "The join token is not valid here."},
	{CloseTokenExpired, "token_expired", "The join token has expired."},
	{CloseTokenUsed, "token_used", "The join token was used already."},
	{CloseUnknownSession, "unknown_session", "The seat is no longer kept."},
	{CloseMatchOver, "match_over", "The match is over."},
	{CloseKicked, "kicked", "The player was removed from the match."},
	{CloseReplaced, "replaced", "The same player came in from elsewhere."},
	{CloseBadVersion, "bad_version", "The client speaks another version of the protocol or the game."},
	{CloseBadSchema, "bad_schema", "The client was built for another version of the game."},
	{CloseProtocol, "protocol", "The client broke the protocol."},
	{CloseTooBig, "too_big", "The client sent a message over the limit."},
	{CloseGameError, "game_error", "The match ended because of an error in its rules."},
	{CloseFull, "full", "The match has no free seat."},
	{CloseLeft, "left", "The player left the match."},
}

// CloseCodes returns every code of the protocol, in ascending order. The slice
// is the caller's.
func CloseCodes() []CloseCode {
	codes := make([]CloseCode, 0, len(closeTexts))
	for _, t := range closeTexts {
		codes = append(codes, t.code)
	}
	return codes
}

func (c CloseCode) entry() *closeText {
	for i := range closeTexts {
		if closeTexts[i].code == c {
			return &closeTexts[i]
		}
	}
	return nil
}

// Name is the code's name in docs, logs and metrics. For a code outside the
// protocol it is the number.
func (c CloseCode) Name() string {
	if t := c.entry(); t != nil {
		return t.name
	}
	return strconv.Itoa(int(c))
}

// Text says to people what the code means. It fits a close frame, whose
// reason has at most 123 bytes.
func (c CloseCode) Text() string {
	if t := c.entry(); t != nil {
		return t.text
	}
	return "The connection was closed (" + strconv.Itoa(int(c)) + ")."
}

// Reconnect reports whether a client reconnects with its resume token after the
// code. Codes outside the protocol's range, 1000 to 1015 among them, count as a
// lost connection: yes.
func (c CloseCode) Reconnect() bool { return c < firstFinal || c > lastFinal }

// String is the number and the name, for logs.
func (c CloseCode) String() string {
	if t := c.entry(); t != nil {
		return strconv.Itoa(int(c)) + " " + t.name
	}
	return strconv.Itoa(int(c))
}
