package identity

import (
	"context"
	"crypto/ed25519"
	"strings"
	"testing"

	"tactus/matchmaker/internal/failure"
	"tactus/protocol/jointoken"
)

func TestAGuestIsKnownAgain(t *testing.T) {
	v := verifier(t, Config{})
	first, err := v.Identify(context.Background(), "", "", "Ann")
	if err != nil || !strings.HasPrefix(first.ID, "g-") || first.Name != "Ann" || first.GuestToken == "" || !first.Guest {
		t.Fatalf("%+v %v", first, err)
	}
	again, err := v.Identify(context.Background(), first.GuestToken, "", "")
	if err != nil || again != first {
		t.Errorf("%+v %v, want %+v", again, err, first)
	}
	renamed, err := v.Identify(context.Background(), first.GuestToken, "", " Bea ")
	if err != nil || renamed.ID != first.ID || renamed.Name != "Bea" || renamed.GuestToken == first.GuestToken {
		t.Errorf("%+v %v", renamed, err)
	}
	if kept, err := v.Identify(context.Background(), renamed.GuestToken, "", ""); err != nil || kept.Name != "Bea" {
		t.Errorf("the new name was not kept: %+v %v", kept, err)
	}
	if other, err := v.Identify(context.Background(), "", "", ""); err != nil || other.ID == first.ID || other.Name == "" {
		t.Errorf("another guest: %+v %v", other, err)
	}
}

func TestGuestTokensThatMustNotPass(t *testing.T) {
	v := verifier(t, Config{})
	stranger := jointoken.NewSigner(ed25519.NewKeyFromSeed([]byte(strings.Repeat("s", ed25519.SeedSize))))
	foreign, err := stranger.MintGuest("g-1", "Ann")
	if err != nil {
		t.Fatal(err)
	}
	user, err := signer().MintGuest("u-7f3a", "Ada") // ours, but not a guest's id
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"words": "let me in", "of another key": foreign, "of a user": user,
		"huge": strings.Repeat("A", 1<<20), "an identity token": edPair().sign(t, claims()),
	} {
		_, err := v.Identify(context.Background(), token, "", "")
		if reason, _ := failure.ReasonOf(err); reason != failure.GuestTokenInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNamesThatCantBeShown(t *testing.T) {
	v := verifier(t, Config{})
	for _, name := range []string{strings.Repeat("é", maxNameRunes+1), "A\nB", "A\u202eB", "\xff", "\x00"} {
		_, err := v.Identify(context.Background(), "", "", name)
		if reason, _ := failure.ReasonOf(err); reason != failure.BadName {
			t.Errorf("%q: %v", name, err)
		}
	}
	if got, err := CleanName("  " + strings.Repeat("é", maxNameRunes) + " "); err != nil || got != strings.Repeat("é", maxNameRunes) {
		t.Errorf("%q %v", got, err)
	}
}

func TestGuestsCanBeKeptOut(t *testing.T) {
	v := verifier(t, Config{KeyFile: file(t, "issuer.pem", edPair().pem()), NoGuests: true})
	refused(t, v, "", failure.IdentityRequired)
	_, err := v.Identify(context.Background(), guestToken(t), "", "")
	if reason, _ := failure.ReasonOf(err); reason != failure.IdentityRequired {
		t.Errorf("a guest's token: %v", err)
	}
	known(t, v, edPair().sign(t, claims()))
}

func TestWithoutAnIssuerThereAreGuestsOnly(t *testing.T) {
	v := verifier(t, Config{})
	refused(t, v, edPair().sign(t, claims()), failure.IdentityNotAccepted)
}
