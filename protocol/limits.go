package protocol

import (
	"time"

	"tactus/game"
)

// Subprotocol is the WebSocket subprotocol, and with it the protocol's version.
const Subprotocol = "tactus.v1"

// Path is where the server takes WebSocket connections.
const Path = "/play"

// Limits of the wire. Sizes are bytes unless they say otherwise.
const (
	// MaxClientMessage bounds a message from a client; beyond it the connection
	// is closed with [CloseTooBig] before the message is read.
	MaxClientMessage = 4096
	// MaxServerMessage bounds a message from a server.
	MaxServerMessage = 1 << 20
	// MaxName bounds a player's name, in characters (Unicode code points).
	MaxName = 24
	// MaxNameBytes bounds a player's name in UTF-8.
	MaxNameBytes = MaxName * 4
	// MaxChat bounds a chat text.
	MaxChat = 200
	// MaxNotice bounds a notice's text.
	MaxNotice = 200
	// MaxCommandName bounds a command's name.
	MaxCommandName = 32
	// MaxCommandArgs bounds the words of a command and of a reply.
	MaxCommandArgs = game.MaxCommandArgs
	// MaxToken bounds a join token.
	MaxToken = 2048
	// MaxResume bounds a resume token.
	MaxResume = 128
	// MaxClientName bounds a client's name and version in hello.
	MaxClientName = 64
	// MaxReason bounds the reason of a reply.
	MaxReason = 32
	// MaxFeatures bounds the features that hello and welcome list.
	MaxFeatures = 16
	// MaxFeatureName bounds a feature's name.
	MaxFeatureName = 24
	// MaxAheadTicks is how far ahead of the server an input may be, in ticks.
	MaxAheadTicks = 32
	// MaxLag is the largest lag of an input, in 1/16 ticks.
	MaxLag = 255
	// MaxIdent bounds match and player ids, and names in a schema.
	MaxIdent = 128
	// MaxTitle bounds a mode's title.
	MaxTitle = 128
	// MaxOptions bounds the options of a mode.
	MaxOptions = 256
)

// Times of the wire.
const (
	// HelloTimeout is how long a new connection may take to say hello.
	HelloTimeout = 5 * time.Second
	// HeartbeatAfter is the silence after which the server pings a connection.
	HeartbeatAfter = 10 * time.Second
	// IdleTimeout is the silence after which a connection is closed with
	// [CloseIdle].
	IdleTimeout = 30 * time.Second
	// SlowTimeout is how long a client may take nothing of what it was sent
	// before it is closed with [CloseSlow].
	SlowTimeout = 10 * time.Second
	// SeatGrace is how long the seat of a lost connection is kept.
	SeatGrace = 30 * time.Second
)
