package identity

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"strings"

	"tactus/internal/text"
	"tactus/matchmaker/internal/failure"
)

// guest recognizes a guest by the token, or makes a new one. A given name replaces the
// one in the token.
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
		if !strings.HasPrefix(p.ID, guestPrefix) { // also for a token that is too long to be verified
			return Player{}, failure.New(failure.GuestTokenInvalid)
		}
		p.Name, p.GuestToken = v.renew(token, known, name)
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

// renew returns the name of a known guest, and the token if it holds that name. The
// name in the token may be from an earlier release, or reserved since.
func (v *Verifier) renew(token, known, name string) (string, string) {
	cleaned := text.Name(known)
	if v.reserved.Has(cleaned) {
		cleaned = ""
	}
	if name = cmp.Or(name, cleaned); name == "" || name != known {
		return name, ""
	}
	return name, token
}

// CleanName makes of a typed name the one that others see, see [text.Name]; "" of
// nothing and of spaces. It rejects a name without any visible character.
func CleanName(name string) (string, error) {
	cleaned := text.Name(name)
	if cleaned == "" && strings.TrimSpace(name) != "" {
		return "", failure.New(failure.BadName).Field("player_name", "a character that can be seen, or nothing")
	}
	return cleaned, nil
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
