package jointoken

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Life is how long a join token is valid.
const Life = 30 * time.Second

// Leeway is how far a matchmaker's clock may be from a game server's: a join
// token is accepted for that long past its time. It ends when its seat is no
// longer held, by the server's own clock.
const Leeway = 5 * time.Minute

// GuestLife is how long a guest token is valid.
const GuestLife = 365 * 24 * time.Hour

// maxToken bounds a token in bytes; longer ones are rejected unread.
const maxToken = 2048

// Audiences keep a token of one kind from being accepted as the other.
const (
	audienceJoin  = "tactus.join"
	audienceGuest = "tactus.guest"
)

// Reasons why a token is rejected.
var (
	// ErrBadToken is for a token that is malformed, of another kind, incomplete,
	// or not signed with a known key.
	ErrBadToken = errors.New("jointoken: not a valid token")
	// ErrUnknownKey is an [ErrBadToken] with the signature of an unknown key: the
	// token may be valid elsewhere.
	ErrUnknownKey = fmt.Errorf("%w: signed with no known key", ErrBadToken)
	// ErrExpired is for a token that was valid earlier.
	ErrExpired = errors.New("jointoken: token has expired")
	// ErrWrongServer is for a join token that names another server.
	ErrWrongServer = errors.New("jointoken: token is for another server")
)

// Claims is what a join token says.
type Claims struct {
	Player  string
	Name    string // shown to others
	Match   string
	Server  string
	Game    string
	Mode    string
	Slot    uint32
	ID      string    // the reservation; unique, so that a token works once
	Expires time.Time // whole seconds; zero when minting: Life from now
	// Seal proves to the matchmaker that it seated this player. Game servers return it
	// with the player's result and can't check it. Its bytes are no text. Empty: the match is not rated for
	// this player.
	Seal string
}

type joinClaims struct {
	jwt.RegisteredClaims
	Name   string `json:"name"`
	Match  string `json:"match"`
	Server string `json:"server"`
	Game   string `json:"game"`
	Mode   string `json:"mode"`
	Slot   uint32 `json:"slot"`
	Seal   []byte `json:"seal,omitempty"`
}

type guestClaims struct {
	jwt.RegisteredClaims
	Name string `json:"name"`
}

func (c *joinClaims) complete() bool {
	return c.Subject != "" && c.ID != "" && c.Match != "" && c.Server != ""
}

func (c *joinClaims) claims() Claims {
	return Claims{
		Player: c.Subject, Name: c.Name, Match: c.Match, Server: c.Server, Game: c.Game, Mode: c.Mode,
		Slot: c.Slot, ID: c.ID, Expires: c.ExpiresAt.Time, Seal: string(c.Seal),
	}
}
