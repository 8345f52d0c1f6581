package protocol_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// TestVectors_releasedStayUnchanged makes sure that what clients of a release were tested
// with does not change: the wire grows by new vectors. released.txt has a line
// of name and SHA-256 for each; a release adds its new ones.
func TestVectors_releasedStayUnchanged(t *testing.T) {
	released, err := os.ReadFile("testdata/released.txt")
	if err != nil {
		t.Fatal(err)
	}
	now := vectorSums(t)
	lines := 0
	for scanner := bufio.NewScanner(bytes.NewReader(released)); scanner.Scan(); lines++ {
		sum, name, _ := strings.Cut(scanner.Text(), " ")
		if now[name] != sum {
			t.Errorf("vector %q of an earlier release is missing or has changed", name)
		}
	}
	if lines == 0 {
		t.Error("testdata/released.txt is empty")
	}
}

func vectorSums(t *testing.T) map[string]string {
	t.Helper()
	sums := map[string]string{}
	add := func(name, hexed string) {
		sum := sha256.Sum256([]byte(hexed))
		sums[name] = hex.EncodeToString(sum[:])
	}
	for _, v := range load[messageVector](t, "messages.json") {
		add("messages/"+v.Name, v.Hex)
	}
	for _, v := range load[sequenceVector](t, "snapshots.json") {
		for _, f := range v.Frames {
			add("snapshots/"+v.Name+"/"+f.Name, f.Hex)
		}
	}
	return sums
}
