package protocol_test

import (
	"strings"
	"testing"

	"tactus/protocol"
)

func TestCloseCode_namesAndTexts(t *testing.T) {
	seen := map[string]bool{}
	last := protocol.CloseCode(0)
	for _, c := range protocol.CloseCodes() {
		if c <= last || seen[c.Name()] {
			t.Errorf("%v is out of order or not unique", c)
		}
		last, seen[c.Name()] = c, true
		if c.Reconnect() != (c >= 4000 && c <= 4499) || c < 4000 || c > 4999 {
			t.Errorf("%v is in the wrong range", c)
		}
		if s := c.Text(); len(s) > 123 || !strings.HasSuffix(s, ".") {
			t.Errorf("%v: %q does not fit a close frame", c, s)
		}
	}
	for _, c := range []protocol.CloseCode{0, 1000, 1001, 1006, 1015, 3000, 4499, 5000} {
		if !c.Reconnect() {
			t.Errorf("%v counts as a lost connection", c)
		}
	}
	if unknown := protocol.CloseCode(4999); unknown.Reconnect() || unknown.Name() != "4999" || unknown.Text() == "" {
		t.Errorf("an unknown code: %v, %q", unknown, unknown.Text())
	}
}
