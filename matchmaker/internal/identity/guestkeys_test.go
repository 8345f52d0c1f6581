package identity

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc/codes"

	"tactus/internal/testtime"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/store/storetest"
	"tactus/protocol/jointoken"
)

// patience bounds how long a test waits for what has to happen.
const patience = 20 * time.Second

func signerOf(name string) *jointoken.Signer {
	return jointoken.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte(name[:1]), ed25519.SeedSize)))
}

// replicaWith makes a replica's verifier, with a key of its own.
func replicaWith(t *testing.T, s *store.Store, name string) (*Verifier, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	keys, err := OpenGuestKeys(ctx, s, signerOf(name).Public(), name, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	v, err := New(context.Background(), Config{}, signerOf(name), keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v, logs
}

func newGuest(t *testing.T, v *Verifier) Player {
	t.Helper()
	p, err := v.Identify(context.Background(), "", "", "Ann")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestGuestKeys_replicasAcceptEachOthersTokens(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	open := func() *store.Store { return storetest.Open(t, store.Config{URL: nats.URL(), Replicas: 1}) }
	a, first := replicaWith(t, open(), "a")
	b, second := replicaWith(t, open(), "b") // whose key a has not seen yet
	if first.FilterMessage("signing key stored").Len() != 1 || second.FilterMessage("signing key was not in the store; added").Len() != 1 {
		t.Errorf("logs at start: %v; %v", first.All(), second.All())
	}
	for _, v := range [][2]*Verifier{{a, b}, {b, a}} {
		guest := newGuest(t, v[0])
		again, err := v[1].Identify(context.Background(), guest.GuestToken, "", "")
		if err != nil || again != guest {
			t.Errorf("%+v is %+v elsewhere, %v", guest, again, err)
		}
	}
	if _, logs := replicaWith(t, open(), "a"); logs.Len() != 0 {
		t.Errorf("a key that is stored is logged: %v", logs.All())
	}
}

// Nobody loses who they are because the store can't be asked.
func TestGuestKeys_unavailableStoreRejectsNoGuest(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	proxy := storetest.StartProxy(t, nats, 0)
	a, _ := replicaWith(t, storetest.Open(t, store.Config{URL: proxy.URL(), Replicas: 1}), "a")
	known := newGuest(t, a)
	elsewhere, err := signerOf("b").MintGuest("g-b", "Bea")
	if err != nil {
		t.Fatal(err)
	}
	proxy.Cut()
	proxy.Halt()
	t.Cleanup(proxy.Resume)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err = a.Identify(ctx, elsewhere, "", "")
	if reason, _ := failure.ReasonOf(err); reason != failure.StoreUnavailable || failure.Status(err).Code() == codes.Unauthenticated {
		t.Errorf("a guest of an unknown key: %v", err)
	}
	if again, err := a.Identify(context.Background(), known.GuestToken, "", ""); err != nil || again != known {
		t.Errorf("a guest of the own key: %+v, %v", again, err)
	}
	_, err = a.Identify(context.Background(), "let me in", "", "")
	if reason, _ := failure.ReasonOf(err); reason != failure.GuestTokenInvalid {
		t.Errorf("words: %v", err)
	}
}

func TestGuestKeys_acceptTokensOfReplacedKeys(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(context.Background(), store.Config{Dir: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := replicaWith(t, s, "a")
	guest := newGuest(t, before)
	s.Close()
	s = storetest.Open(t, store.Config{Dir: dir})
	after, logs := replicaWith(t, s, "b")
	if again, err := after.Identify(context.Background(), guest.GuestToken, "", ""); err != nil || again != guest {
		t.Errorf("%+v is %+v, %v", guest, again, err)
	}
	if logs.FilterMessage("signing key was not in the store; added").Len() != 1 {
		t.Errorf("a replaced key is not logged: %v", logs.All())
	}
}

func TestGuestKeys_rejectTokensOfRemovedKeys(t *testing.T) {
	s := storetest.Embedded(t)
	old, _ := replicaWith(t, s, "a")
	guest := newGuest(t, old)
	v, _ := replicaWith(t, s, "b")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- v.guests.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	}()
	for _, name := range []string{"a", "b"} {
		if err := v.guests.bucket.Delete(context.Background(), Fingerprint(signerOf(name).Public()), 0); err != nil {
			t.Fatal(err)
		}
	}
	testtime.Until(t, "the removed key is unknown and the own key is stored again", func() bool {
		_, err := v.Identify(context.Background(), guest.GuestToken, "", "")
		_, missing := v.guests.bucket.Get(context.Background(), Fingerprint(v.signer.Public()))
		reason, _ := failure.ReasonOf(err)
		return reason == failure.GuestTokenInvalid && missing == nil
	})
}

func TestGuestKeys_boundTheKeysInUse(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	own := signerOf("a")
	k := &GuestKeys{own: own.Public(), verifier: jointoken.NewVerifier(), log: zap.New(core), known: make(map[string]guestKey)}
	var oldest, newest *jointoken.Signer
	for i := range maxGuestKeys + 10 {
		newest = jointoken.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i)}, ed25519.SeedSize)))
		if oldest == nil {
			oldest = newest
		}
		k.known[Fingerprint(newest.Public())] = guestKey{public: newest.Public(), revision: uint64(i + 1)}
		k.publishLocked()
	}
	for name, c := range map[string]struct {
		signer *jointoken.Signer
		passes bool
	}{"own": {own, true}, "newest": {newest, true}, "oldest": {oldest, false}} {
		token, err := c.signer.MintGuest("g-1", "Ann")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := k.Verify(context.Background(), token); (err == nil) != c.passes {
			t.Errorf("%s: %v", name, err)
		}
	}
	if logs.Len() != 1 || !strings.Contains(logs.All()[0].Message, "too many signing keys") {
		t.Errorf("logs %v", logs.All())
	}
}

func TestGuestKeys_refuseRevokedGuestsAtEveryReplica(t *testing.T) {
	s := storetest.Embedded(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	a, err := OpenGuestKeys(ctx, s, signerOf("a").Public(), "a", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	verifierWith := func(keys *GuestKeys) *Verifier {
		v, err := New(ctx, Config{}, signerOf("a"), keys, nil)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := verifierWith(a)
	ann, bob := newGuest(t, v), newGuest(t, v)
	if err := a.Revoke(ctx, ann.ID, "cheats"); err != nil {
		t.Fatal(err)
	}
	later, err := OpenGuestKeys(ctx, s, signerOf("a").Public(), "a", zap.NewNop()) // also after a restart
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]*Verifier{"here": v, "after a restart": verifierWith(later)} {
		_, err := v.Identify(ctx, ann.GuestToken, "", "")
		if !errors.Is(err, failure.New(failure.GuestRevoked)) || failure.Status(err).Code() != codes.PermissionDenied {
			t.Errorf("%s: %v", name, err)
		}
		if p, err := v.Identify(ctx, bob.GuestToken, "", ""); err != nil || p.ID != bob.ID {
			t.Errorf("%s, another guest: %+v %v", name, p, err)
		}
	}
	if err := a.Restore(ctx, ann.ID); err != nil {
		t.Fatal(err)
	}
	if p, err := v.Identify(ctx, ann.GuestToken, "", ""); err != nil || p.ID != ann.ID {
		t.Errorf("restored: %+v %v", p, err)
	}
	for _, id := range []string{"", "g-", "u-7f3a", "g-../x", "g-A"} {
		if err := a.Revoke(ctx, id, ""); err == nil {
			t.Errorf("%q was revoked", id)
		}
	}
}
