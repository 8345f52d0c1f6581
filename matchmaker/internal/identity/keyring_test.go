package identity

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zaptest"

	"tactus/internal/testtime"
	"tactus/matchmaker/internal/failure"
)

func TestVerifier_startsWithoutTheIssuer(t *testing.T) {
	i := newIssuer(t)
	i.down()
	v := verifier(t, Config{JWKSURL: i.URL})
	refused(t, v, edPair().sign(t, claims()), failure.KeysUnavailable)
	guest, err := v.Identify(context.Background(), "", "", "Ann")
	if err != nil || guest.Name != "Ann" {
		t.Errorf("guests are refused too: %v", err)
	}
}

// script is an issuer without a network, for tests in false time.
type script struct {
	mu    sync.Mutex
	asked int
	next  func() ([]byte, error)
}

func (s *script) answers(next func() ([]byte, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = next
}

func (s *script) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func scripted(t *testing.T, s *script) *keyring {
	t.Helper()
	k := &keyring{
		log: zaptest.NewLogger(t), from: "script", every: 5 * time.Minute, parse: parseKeySet,
		wanted: make(chan struct{}, 1), ended: make(chan struct{}), pending: make(chan struct{}),
	}
	k.read = func(context.Context) ([]byte, error) {
		s.mu.Lock()
		s.asked++
		next := s.next
		s.mu.Unlock()
		return next()
	}
	return k
}

func (s *script) publishes(keys ...any) {
	data := keySetOf(keys...)
	s.answers(func() ([]byte, error) { return data, nil })
}

func (s *script) fails() {
	s.answers(func() ([]byte, error) { return nil, errors.New("no route to host") })
}

// inFalseTime runs a verifier whose keys come from the script.
func inFalseTime(t *testing.T, s *script, test func(t *testing.T, v *Verifier)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v := verifier(t, Config{KeyFile: file(t, "issuer.pem", edPair().pem())})
		v.Close()
		ctx, cancel := context.WithCancel(t.Context())
		v.keys, v.stop = scripted(t, s), cancel
		v.done.Go(func() { v.keys.run(ctx) })
		defer v.Close()
		test(t, v)
	})
}

func TestKeyring_fetchesUntilItSucceeds(t *testing.T) {
	s := &script{}
	s.fails()
	inFalseTime(t, s, func(t *testing.T, v *Verifier) {
		refused(t, v, edPair().sign(t, claims()), failure.KeysUnavailable)
		s.publishes(edPair())
		testtime.Sleep(4 * minRetry)
		synctest.Wait()
		known(t, v, edPair().sign(t, claims()))
	})
}

func TestKeyring_backsOff(t *testing.T) {
	s := &script{}
	s.fails()
	inFalseTime(t, s, func(t *testing.T, _ *Verifier) {
		testtime.Sleep(time.Hour)
		synctest.Wait()
		if n := s.times(); n < 55 || n > 70 {
			t.Errorf("asked %d times in an hour", n)
		}
	})
}

func TestKeyring_knownKeysStayValidWithoutTheIssuer(t *testing.T) {
	s := &script{}
	s.publishes(edPair())
	inFalseTime(t, s, func(t *testing.T, v *Verifier) {
		known(t, v, edPair().sign(t, claims()))
		s.fails()
		testtime.Sleep(time.Hour)
		synctest.Wait()
		known(t, v, edPair().sign(t, claims()))
		s.answers(func() ([]byte, error) { return []byte(`{"keys":[]}`), nil })
		testtime.Sleep(time.Hour)
		synctest.Wait()
		known(t, v, edPair().sign(t, claims()))
	})
}

func TestKeyring_forgetsWithdrawnKeys(t *testing.T) {
	s := &script{}
	s.publishes(edPair(), rsaPair())
	inFalseTime(t, s, func(t *testing.T, v *Verifier) {
		known(t, v, edPair().sign(t, claims()))
		s.publishes(rsaPair())
		testtime.Sleep(v.keys.every)
		synctest.Wait()
		refused(t, v, edPair().sign(t, claims()), failure.IdentityKeyUnknown)
		known(t, v, rsaPair().sign(t, claims()))
	})
}

func TestKeyring_fetchesAnUnknownKey(t *testing.T) {
	s := &script{}
	s.publishes(edPair())
	inFalseTime(t, s, func(t *testing.T, v *Verifier) {
		known(t, v, edPair().sign(t, claims()))
		added := newEd("ed-2")
		s.publishes(edPair(), added)
		known(t, v, added.sign(t, claims()))
		if n := s.times(); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

// Forging is free: it must not make us a burden to the issuer.
func TestKeyring_limitsFetchesForUnknownKeys(t *testing.T) {
	s := &script{}
	s.publishes(edPair())
	inFalseTime(t, s, func(t *testing.T, v *Verifier) {
		known(t, v, edPair().sign(t, claims()))
		for range 1000 {
			refused(t, v, newEd("made-up").sign(t, claims()), failure.IdentityKeyUnknown)
		}
		if n := s.times(); n != 2 {
			t.Errorf("asked %d times at once", n)
		}
		testtime.Sleep(minRefreshInterval)
		added := newEd("ed-2")
		s.publishes(edPair(), added)
		known(t, v, added.sign(t, claims()))
	})
}

func TestKeyring_waitsNoLongerThanTheDeadline(t *testing.T) {
	s := &script{}
	data := keySetOf(edPair())
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		s.answers(func() ([]byte, error) {
			<-held
			return data, nil
		})
		k := scripted(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		defer func() {
			cancel()
			<-k.ended
		}()
		go k.run(ctx)
		short, stop := context.WithTimeout(ctx, time.Second)
		defer stop()
		err := k.reread(short)
		if reason, _ := failure.ReasonOf(err); reason != failure.KeysUnavailable {
			t.Errorf("%v", err)
		}
		close(held)
		if err := k.reread(ctx); err != nil {
			t.Errorf("after the answer: %v", err)
		}
	})
}

func TestKeyring_releasesWaitingTokensWhenClosed(t *testing.T) {
	i := newIssuer(t)
	i.down()
	v := verifier(t, Config{JWKSURL: i.URL})
	v.Close()
	_, err := v.Identify(context.Background(), "", edPair().sign(t, claims()), "")
	if err == nil {
		t.Error("identified without a key")
	}
}

func TestParseKeySet_rejectsHostileSets(t *testing.T) {
	flood := make([]any, maxKeys+1)
	for i := range flood {
		flood[i] = map[string]string{"kty": "OKP"}
	}
	for name, data := range map[string]string{
		"nothing":        "",
		"HTML":           "<html>",
		"no keys":        `{"keys":[]}`,
		"not a list":     `{"keys":7}`,
		"secret":         `{"keys":[{"kty":"oct","kid":"s","k":"c2VjcmV0"}]}`,
		"encryption":     `{"keys":[{"kty":"RSA","kid":"e","use":"enc","n":"` + strings.Repeat("A", 342) + `","e":"AQAB"}]}`,
		"a short RSA":    `{"keys":[{"kty":"RSA","kid":"r","n":"` + strings.Repeat("x", 171) + `","e":"AQAB"}]}`,
		"broken":         `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}, 7, null]}`,
		"too many":       string(keySetOf(flood...)),
		"deeply nested":  strings.Repeat("[", 100_000),
		"a private half": `{"keys":[{"kty":"OKP","crv":"Ed448","x":"AA","d":"AA"}]}`,
	} {
		if set, err := parseKeySet([]byte(data)); err == nil {
			t.Errorf("%s: %d keys", name, len(set.all.Keys))
		}
	}
	mixed := keySetOf(map[string]string{"kty": "oct", "k": "c2VjcmV0"}, edPair(), map[string]string{"kty": "EC"}, map[string]string{"kty": "new"})
	set, err := parseKeySet(mixed)
	if err != nil || len(set.all.Keys) != 1 || set.skipped != 3 {
		t.Errorf("one good key among others: %+v %v", set, err)
	}
}

func TestFetch_rejectsHostileAnswers(t *testing.T) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: stayOnTLS}
	for name, tt := range map[string]struct {
		answer func(http.ResponseWriter)
		says   string
	}{
		"endless": {func(w http.ResponseWriter) {
			for range 2 * maxKeySetBytes / 1024 {
				_, _ = w.Write([]byte(strings.Repeat(" ", 1024)))
			}
		}, "bytes"},
		"error":   {func(w http.ResponseWriter) { http.Error(w, "{}", http.StatusInternalServerError) }, "500"},
		"circles": {func(w http.ResponseWriter) { w.Header().Set("Location", "/"); w.WriteHeader(http.StatusFound) }, "redirected"},
	} {
		i := newIssuer(t)
		i.serve(tt.answer)
		if _, err := fetch(context.Background(), client, i.URL); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	plain, secure := new(http.Request), new(http.Request)
	plain.URL, secure.URL = mustURL("http://a.test/"), mustURL("https://a.test/")
	if stayOnTLS(plain, []*http.Request{secure}) == nil {
		t.Error("followed from https to http")
	}
}

func TestKeyring_reloadsChangedFiles(t *testing.T) {
	path := file(t, "issuer.pem", edPair().pem())
	synctest.Test(t, func(t *testing.T) {
		v := verifier(t, Config{KeyFile: path})
		added := newEd("")
		refused(t, v, added.sign(t, claims()), failure.IdentityForged)
		if err := os.WriteFile(path, append(edPair().pem(), added.pem()...), 0o600); err != nil {
			t.Fatal(err)
		}
		testtime.Sleep(v.cfg.Refresh)
		synctest.Wait()
		known(t, v, added.sign(t, claims()))
		if err := os.WriteFile(path, []byte("half a fi"), 0o600); err != nil {
			t.Fatal(err)
		}
		testtime.Sleep(v.cfg.Refresh)
		synctest.Wait()
		known(t, v, added.sign(t, claims()))
	})
}

func TestVerifier_rejectsFilesWithoutKeys(t *testing.T) {
	private := strings.Replace(string(edPair().pem()), "PUBLIC", "PRIVATE", 2)
	for name, cfg := range map[string]Config{
		"missing":     {JWKSFile: "/nonexistent/jwks.json"},
		"no JSON":     {JWKSFile: file(t, "jwks.json", []byte("keys"))},
		"no PEM":      {KeyFile: file(t, "a.pem", []byte("keys"))},
		"private key": {KeyFile: file(t, "b.pem", []byte(private))},
		"broken PEM":  {KeyFile: file(t, "c.pem", []byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"))},
	} {
		cfg.Issuer, cfg.Audience = issuerName, audience
		if _, err := New(context.Background(), cfg, signer(), nil, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestConfig_validateReturnsEveryMistake(t *testing.T) {
	bad := Config{JWKSURL: "ftp://x", KeyFile: "k.pem", Algorithms: []string{"HS256", "none"}, Refresh: -1}
	err := bad.Validate()
	for _, part := range []string{"exclude", "ftp://x", "Issuer", "Audience", `"HS256"`, `"none"`, "Refresh"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	for name, cfg := range map[string]Config{
		"nobody could come in":    {NoGuests: true},
		"an issuer without keys":  {Issuer: issuerName},
		"keys without an issuer":  {KeyFile: "k.pem", Audience: audience},
		"keys without a audience": {KeyFile: "k.pem", Issuer: issuerName},
	} {
		if cfg.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := (Config{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
}

// A key that could not be fetched is the issuer's trouble, not the player's.
func TestKeyring_unknownKeyWithoutTheIssuerIsTemporary(t *testing.T) {
	i := newIssuer(t, rsaPair())
	v := verifier(t, Config{JWKSURL: i.URL})
	known(t, v, rsaPair().sign(t, claims()))
	i.down()
	refused(t, v, edPair().sign(t, claims()), failure.KeysUnavailable)
	known(t, v, rsaPair().sign(t, claims()))
}
