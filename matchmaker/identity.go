package matchmaker

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/protocol/jointoken"
)

const (
	maxNameRunes = 24
	maxToken     = 4096
)

// guest is who a player is: nobody has to sign up.
type guest struct {
	player string
	name   string
	token  string
}

// identify knows a guest again by the token, or makes a new one. A name given
// counts more than the one in the token.
func identify(signer *jointoken.Signer, token, name string) (guest, error) {
	name, err := cleanName(name)
	if err != nil {
		return guest{}, status.Error(codes.InvalidArgument, err.Error())
	}
	g := guest{name: name}
	if token == "" {
		g.player = "g-" + strings.ToLower(rand.Text())
	} else {
		var known string
		if len(token) <= maxToken {
			g.player, known, err = signer.VerifyGuest(token)
		}
		if err != nil || g.player == "" {
			return guest{}, status.Error(codes.Unauthenticated, "this guest token is not (or no longer) valid here; ask without it for a new one")
		}
		if name == "" || name == known {
			g.name, g.token = known, token
		}
	}
	if g.name == "" {
		g.name = guestName()
	}
	if g.token == "" {
		if g.token, err = signer.MintGuest(g.player, g.name); err != nil {
			return guest{}, status.Error(codes.Internal, "no guest token could be made")
		}
	}
	return g, nil
}

// cleanName trims a name and refuses what can't be shown to others.
func cleanName(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", fmt.Errorf("the player name is not valid UTF-8")
	}
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n > maxNameRunes {
		return "", fmt.Errorf("the player name has %d characters, at most %d", n, maxNameRunes)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return "", fmt.Errorf("the player name has a character that can't be shown (U+%04X)", r)
		}
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
