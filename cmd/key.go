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

// loadKey reads the key that signs tokens from the data folder and makes it when
// it is missing, so that guests and seats outlive a restart.
func loadKey(dir string) (ed25519.PrivateKey, error) {
	path := filepath.Join(dir, "matchmaker.key")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s is not a key of %d hex digits; remove it to have a new one made", path, 2*ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// makeKey makes a key unless another process is faster: matchmakers that share
// the folder have one key.
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
