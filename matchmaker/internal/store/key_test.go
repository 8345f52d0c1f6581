package store

import (
	"testing"

	"pgregory.net/rapid"
)

func TestKey_encodesAnyTextAsOneToken(t *testing.T) {
	t.Parallel()
	if _, err := encodeKey(""); err == nil {
		t.Error("an empty key was encoded")
	}
	rapid.Check(t, func(t *rapid.T) {
		key := string(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "key"))
		token, err := encodeKey(key)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range token {
			if c <= ' ' || c >= 0x7f || c == '.' || c == '*' || c == '>' {
				t.Fatalf("%q became %q, which is no token of a subject", key, token)
			}
		}
		if back, err := decodeKey(token); err != nil || back != key {
			t.Fatalf("%q became %q and then %q, %v", key, token, back, err)
		}
	})
	for _, token := range []string{"=", "a=4", "=G0"} {
		if key, err := decodeKey(token); err == nil {
			t.Errorf("%q is the key %q", token, key)
		}
	}
}
