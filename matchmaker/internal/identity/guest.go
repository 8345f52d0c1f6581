package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"

	"tactus/matchmaker/internal/failure"
)

// guest knows a guest again by the token, or makes a new one. A name given
// counts more than the one in the token.
func (v *Verifier) guest(ctx context.Context, token, name string) (Player, error) {
	p := Player{Name: name, Guest: true}
	if token == "" {
		p.ID = guestPrefix + strings.ToLower(rand.Text())
	} else {
		var known string
		var err error
		if len(token) <= maxGuestToken {
			p.ID, known, err = v.guests.Verify(ctx, token)
		}
		if err != nil {
			return Player{}, err
		}
		if !strings.HasPrefix(p.ID, guestPrefix) { // also of one that is too long to be looked at
			return Player{}, failure.New(failure.GuestTokenInvalid)
		}
		if name == "" || name == known {
			p.Name, p.GuestToken = known, token
		}
	}
	if p.Name == "" {
		p.Name = guestName()
	}
	if p.GuestToken == "" {
		var err error
		if p.GuestToken, err = v.signer.MintGuest(p.ID, p.Name); err != nil {
			return Player{}, failure.New(failure.Internal).Because(err)
		}
	}
	return p, nil
}

// CleanName trims a name and refuses what can't be shown to others.
func CleanName(name string) (string, error) {
	refuse := func(format string, args ...any) (string, error) {
		sentence := fmt.Sprintf(format, args...)
		return "", failure.Newf(failure.BadName, "%s", sentence).Field("player_name", sentence)
	}
	if !utf8.ValidString(name) {
		return refuse("the player name is not valid UTF-8")
	}
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n > maxNameRunes {
		return refuse("the player name has %d characters, at most %d", n, maxNameRunes)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return refuse("the player name has a character that can't be shown (U+%04X)", r)
		}
	}
	return name, nil
}

var errNoName = errors.New("no name")

// showable makes a name of what an issuer says: its player can't mend it, so
// that it is cut and cleaned, not refused.
func showable(name string) (string, error) {
	runes := make([]rune, 0, maxNameRunes)
	for _, r := range strings.TrimSpace(name) {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			continue
		}
		if runes = append(runes, r); len(runes) == maxNameRunes {
			break
		}
	}
	if name = strings.TrimSpace(string(runes)); name == "" {
		return "", errNoName
	}
	return name, nil
}

var (
	guestFirst = []string{"Amber", "Brisk", "Calm", "Dusky", "Eager", "Fleet", "Gentle", "Hidden", "Iron", "Jolly", "Keen", "Lucky", "Misty", "Noble", "Odd", "Proud", "Quick", "Rapid", "Silent", "Tiny"}
	guestLast  = []string{"Badger", "Comet", "Drifter", "Ember", "Falcon", "Gecko", "Heron", "Ibex", "Jackal", "Kestrel", "Lynx", "Meteor", "Newt", "Otter", "Puffin", "Quasar", "Raven", "Stork", "Tern", "Viper"}
)

// guestName makes a name such as "Quick Otter 42".
func guestName() string {
	return fmt.Sprintf("%s %s %d", guestFirst[draw(len(guestFirst))], guestLast[draw(len(guestLast))], 10+draw(90))
}

func draw(n int) int {
	v, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		return 0 // crypto/rand does not fail
	}
	return int(v.Int64())
}
