package tactuscmd

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// keyPath is the file of the key in a data folder.
func keyPath(dir string) string { return filepath.Join(dir, "matchmaker.key") }

// loadKey reads the key that signs tokens from the data folder. If there is none, it
// makes one, so that the tokens of guests and seats stay valid after a restart.
func loadKey(dir string) (ed25519.PrivateKey, error) {
	path := keyPath(dir)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s is not a key of %d hex digits; remove the file to get a new key", path, 2*ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// makeKey makes a key and stores it, unless another process has stored one meanwhile:
// matchmakers that share the folder share the key.
func makeKey(path string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	draft, err := os.CreateTemp(dir, ".key-*") // only its owner may read it
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	defer func() { _ = os.Remove(draft.Name()) }()
	_, err = draft.WriteString(hex.EncodeToString(key.Seed()) + "\n")
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	if err = os.Link(draft.Name(), path); errors.Is(err, fs.ErrExist) {
		return loadKey(dir)
	} else if err != nil { // a file system without links
		err = os.Rename(draft.Name(), path)
	}
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	return key, nil
}
