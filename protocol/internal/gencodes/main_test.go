package main

import (
	"bytes"
	"os"
	"testing"

	"tactus/protocol"
)

func TestGenerate_codesAreUpToDate(t *testing.T) {
	const path = "../../../client-js/src/codes.ts"
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, typescript(protocol.CloseCodes())) {
		t.Error("client-js/src/codes.ts is out of date; run go generate ./protocol")
	}
}
