package store

import (
	"encoding/hex"
	"errors"
	"strings"
)

// plainCharacters are unchanged in the token of a NATS subject.
const plainCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

const hexDigits = "0123456789ABCDEF"

var (
	errEmptyKey = errors.New("a key must not be empty")
	errBadToken = errors.New("not an encoded key")
)

// encodeKey turns any key into one token of a NATS subject. A byte that is no plain
// letter becomes = and two hexadecimal digits.
func encodeKey(key string) (string, error) {
	if key == "" {
		return "", errEmptyKey
	}
	if strings.Trim(key, plainCharacters) == "" {
		return key, nil
	}
	token := make([]byte, 0, len(key)+8)
	for i := range len(key) {
		if c := key[i]; strings.IndexByte(plainCharacters, c) >= 0 {
			token = append(token, c)
		} else {
			token = append(token, '=', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(token), nil
}

// decodeKey reverses encodeKey.
func decodeKey(token string) (string, error) {
	if strings.IndexByte(token, '=') < 0 {
		return token, nil
	}
	key := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		if token[i] != '=' {
			key = append(key, token[i])
			continue
		}
		if i+3 > len(token) {
			return "", errBadToken
		}
		b, err := hex.DecodeString(token[i+1 : i+3])
		if err != nil {
			return "", errBadToken
		}
		key = append(key, b...)
		i += 2
	}
	return string(key), nil
}
