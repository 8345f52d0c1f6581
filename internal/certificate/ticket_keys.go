package certificate

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// TicketKey encrypts the session tickets of TLS connections.
type TicketKey = [32]byte

// maxTicketKeys bounds the keys of a file. A ticket lives for a week at most.
const maxTicketKeys = 16

// LoadTicketKeys reads keys of session tickets: 32 bytes a line, in hexadecimal or
// base64, the newest first. Empty lines, and lines that begin with #, are skipped.
// Errors contain no part of a key.
func LoadTicketKeys(path string) ([]TicketKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	keys, err := parseTicketKeys(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

var (
	errNoTicketKeys   = errors.New("no ticket key: want 32 bytes a line in hexadecimal or base64, the newest first")
	errManyTicketKeys = fmt.Errorf("more than %d ticket keys", maxTicketKeys)
)

func parseTicketKeys(text []byte) ([]TicketKey, error) {
	var keys []TicketKey
	s := bufio.NewScanner(bytes.NewReader(text))
	for line := 1; s.Scan(); line++ {
		field := strings.TrimSpace(s.Text())
		if field == "" || field[0] == '#' {
			continue
		}
		raw, err := hex.DecodeString(field)
		if err != nil {
			raw, err = base64.StdEncoding.DecodeString(field)
		}
		if err != nil || len(raw) != len(TicketKey{}) {
			return nil, fmt.Errorf("line %d is not a ticket key: want 32 bytes in hexadecimal or base64, as of openssl rand -hex 32", line)
		}
		keys = append(keys, TicketKey(raw))
	}
	switch {
	case s.Err() != nil:
		return nil, s.Err()
	case len(keys) == 0:
		return nil, errNoTicketKeys
	case len(keys) > maxTicketKeys:
		return nil, errManyTicketKeys
	}
	return keys, nil
}
