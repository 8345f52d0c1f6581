package identity

import (
	"context"
	"crypto/ed25519"
	"strings"
	"testing"

	"tactus/matchmaker/internal/failure"
	"tactus/protocol/jointoken"
)

func TestVerifier_recognizesGuestsByToken(t *testing.T) {
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

func TestVerifier_rejectsForgedGuestTokens(t *testing.T) {
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

func TestCleanName_removesInvisibleCharacters(t *testing.T) {
	v := verifier(t, Config{})
	for in, want := range map[string]string{
		" Jean\u00a0Luc\n": "Jean Luc", "A\u202eB": "AB", "می\u200cخواهم": "می\u200cخواهم", "I ❤\ufe0f U": "I ❤\ufe0f U",
		strings.Repeat("é", 25): strings.Repeat("é", 24),
	} {
		p, err := v.Identify(context.Background(), "", "", in)
		if err != nil || p.Name != want {
			t.Errorf("%+q becomes %+q, want %+q: %v", in, p.Name, want, err)
		}
		if again, err := v.Identify(context.Background(), p.GuestToken, "", in); err != nil || again != p {
			t.Errorf("asked for again: %+v %v", again, err)
		}
	}
	for _, spaces := range []string{"", "  ", "\u3000\n"} {
		if p, err := v.Identify(context.Background(), "", "", spaces); err != nil || p.Name == "" {
			t.Errorf("%+q: %+v %v", spaces, p, err)
		}
	}
	for _, nothing := range []string{"\u200b\u200b", "\x00", "\u3164 \u202e", "\xff"} {
		_, err := v.Identify(context.Background(), "", "", nothing)
		if reason, _ := failure.ReasonOf(err); reason != failure.BadName {
			t.Errorf("%+q: %v", nothing, err)
		}
	}
}

func TestVerifier_mintsANewTokenForAnotherName(t *testing.T) {
	v := verifier(t, Config{ReservedNames: []string{"admin"}})
	for known, want := range map[string]string{"a  b": "a b", "z\u0301\u0302\u0303\u0304\u0306": "ź\u0302\u0303\u0304", "Admin": "", "": ""} {
		old, err := signer().MintGuest("g-1", known)
		if err != nil {
			t.Fatal(err)
		}
		p, err := v.Identify(context.Background(), old, "", "")
		if err != nil || p.ID != "g-1" || p.Name == known || p.Name == "" || want != "" && p.Name != want || p.GuestToken == old {
			t.Errorf("%q: %+v %v", known, p, err)
		}
		if again, err := v.Identify(context.Background(), p.GuestToken, "", ""); err != nil || again != p {
			t.Errorf("%q, the new token: %+v %v", known, again, err)
		}
	}
}

func TestVerifier_keepsReservedNames(t *testing.T) {
	v := verifier(t, Config{KeyFile: file(t, "issuer.pem", edPair().pem()), ReservedNames: []string{"admin", "Moderator"}})
	ann, err := v.Identify(context.Background(), "", "", "Ann")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"admin", "ADMIN", " Аdmin", "adm1n", "ｍｏｄｅｒａｔｏｒ"} {
		p, err := v.Identify(context.Background(), "", "", name)
		if err != nil || p.Name == "" || v.reserved.Has(p.Name) {
			t.Errorf("%q: %+v %v", name, p, err)
		}
		if p, err := v.Identify(context.Background(), ann.GuestToken, "", name); err != nil || p != ann {
			t.Errorf("%q, asked for by Ann: %+v %v", name, p, err)
		}
		if p, err := v.Identify(context.Background(), "", edPair().sign(t, with("name", nil)), name); err != nil || v.reserved.Has(p.Name) {
			t.Errorf("%q, by a user without a name: %+v %v", name, p, err)
		}
		if p, err := v.Identify(context.Background(), "", edPair().sign(t, with("name", "Admin")), name); err != nil || p.Name != "Admin" {
			t.Errorf("%q, by the issuer: %+v %v", name, p, err)
		}
	}
	if p, err := v.Identify(context.Background(), "", "", "Administrator"); err != nil || p.Name != "Administrator" {
		t.Errorf("%+v %v", p, err)
	}
}

func TestVerifier_rejectsGuestsWhenConfigured(t *testing.T) {
	v := verifier(t, Config{KeyFile: file(t, "issuer.pem", edPair().pem()), NoGuests: true})
	if err := v.AdmitAnonymous(); err == nil {
		t.Error("a call of no player is accepted")
	}
	if err := verifier(t, Config{}).AdmitAnonymous(); err != nil {
		t.Error(err)
	}
	refused(t, v, "", failure.IdentityRequired)
	_, err := v.Identify(context.Background(), guestToken(t), "", "")
	if reason, _ := failure.ReasonOf(err); reason != failure.IdentityRequired {
		t.Errorf("a guest's token: %v", err)
	}
	known(t, v, edPair().sign(t, claims()))
}

func TestVerifier_acceptsGuestsOnlyWithoutIssuer(t *testing.T) {
	v := verifier(t, Config{})
	refused(t, v, edPair().sign(t, claims()), failure.IdentityNotAccepted)
}
