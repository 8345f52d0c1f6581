package protocol

import "errors"

// MessageType is the first element of every message.
type MessageType uint8

// Messages from clients.
const (
	TypeHello   MessageType = 1
	TypeInput   MessageType = 2
	TypeCommand MessageType = 3
	TypeSay     MessageType = 4
	TypePing    MessageType = 5
	TypeBye     MessageType = 6
	TypeResync  MessageType = 7
)

// Messages from servers.
const (
	TypeWelcome  MessageType = 16
	TypeSnapshot MessageType = 17
	TypeRoster   MessageType = 18
	TypeReply    MessageType = 19
	TypeChat     MessageType = 20
	TypePong     MessageType = 21
	TypeResult   MessageType = 22
	TypeNotice   MessageType = 23
)

// Reasons why a message is rejected. Parsers return these values themselves, so
// that a rejection does not allocate.
var (
	// ErrMalformed is for bytes that are not one MessagePack message of the
	// expected shape: cut short, something left over, or elements of another type.
	ErrMalformed = errors.New("protocol: malformed message")
	// ErrType is for a message of an unknown or unexpected type.
	ErrType = errors.New("protocol: unexpected message type")
	// ErrRange is for a number outside its range.
	ErrRange = errors.New("protocol: number out of range")
	// ErrTooLong is for text, a list or a message over its limit.
	ErrTooLong = errors.New("protocol: over the limit")
	// ErrText is for text that is not UTF-8, or holds characters that visible
	// text must not hold.
	ErrText = errors.New("protocol: bad text")
	// ErrMissing is for a message without a required element.
	ErrMissing = errors.New("protocol: something is missing")
)

// Type returns the type of a message. [ErrType]: no such type.
func Type(b []byte) (MessageType, error) {
	r := reader{b: b}
	if r.array() == 0 {
		r.fail(ErrMalformed)
	}
	t := MessageType(r.int(0, 255))
	if r.err == nil && !t.known() {
		r.fail(ErrType)
	}
	if r.err != nil {
		return 0, r.err
	}
	return t, nil
}

func (t MessageType) known() bool { return t.FromClient() || t.FromServer() }

// FromClient reports whether clients send the type.
func (t MessageType) FromClient() bool { return t >= TypeHello && t <= TypeResync }

// FromServer reports whether servers send the type.
func (t MessageType) FromServer() bool { return t >= TypeWelcome && t <= TypeNotice }
