package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	sweepJSON = `{"title":"t","rows":[
		{"system":"floor (C)","clients":100,"runs":[{"cpu_us_per_client_tick":8,"delivered":1}]},
		{"system":"Tactus","clients":100,"runs":[{"cpu_us_per_client_tick":10,"delivered":1}]},
		{"system":"Tactus","clients":400,"runs":[{"cpu_us_per_client_tick":9,"delivered":1}]},
		{"system":"Colyseus 0.18","clients":400,"runs":[{"cpu_us_per_client_tick":7,"delivered":0.5}]}]}`
	w1JSON    = `{"rows":[{"system":"Tactus","clients":400,"runs":[{"cpu_us_per_client_tick":9},{"cpu_us_per_client_tick":12}]}]}`
	peersJSON = `{"rows":[{"system":"Tactus","clients":400,"runs":[{"cpu_us_per_client_tick":99}]},
		{"system":"Socket.IO 4.8","clients":400,"runs":[{"cpu_us_per_client_tick":34}]}]}`
)

func TestPlot_drawsResults(t *testing.T) {
	cache, out := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"sweep": sweepJSON, "w1": w1JSON, "peers": peersJSON} {
		if err := os.WriteFile(filepath.Join(cache, name+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := drawAll(cache, out); err != nil {
		t.Fatal(err)
	}
	wants := map[string][]string{
		"bench-cost.svg": {"floor (C)", "Tactus", "clients"},
		"bench-w1.svg":   {"Tactus", "Socket.IO 4.8"},
	}
	for name, words := range wants {
		text := svgText(t, filepath.Join(out, name))
		for _, word := range words {
			if !strings.Contains(text, word) {
				t.Errorf("%s does not say %q; it says %q", name, word, text)
			}
		}
	}
}

// svgText is what the drawing says in words.
func svgText(t *testing.T, file string) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var text strings.Builder
	d := xml.NewDecoder(f)
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return text.String()
		}
		if err != nil {
			t.Fatalf("%s is no XML: %v", file, err)
		}
		if words, ok := token.(xml.CharData); ok {
			text.Write(words)
			text.WriteByte('\n')
		}
	}
}

func TestPlot_leavesOutServersThatFallBehind(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cost.svg")
	r := &result{Rows: []row{
		{System: "Tactus", Clients: 1, Runs: []report{{CPU: 1, Delivered: 1}}},
		{System: "Colyseus 0.18", Clients: 1, Runs: []report{{CPU: 1, Delivered: 0.9}}},
	}}
	if err := saveCost(r, file); err != nil {
		t.Fatal(err)
	}
	if text := svgText(t, file); strings.Contains(text, "Colyseus") || !strings.Contains(text, "Tactus") {
		t.Errorf("the chart says %q", text)
	}
}

func TestPlot_colorsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, system := range []string{"floor (C)", "floor (C), spread as 25 matches", "Tactus", "unheard of"} {
		c := colorOf(system)
		if key := string([]byte{c.R, c.G, c.B}); c.A != 0xff || seen[key] {
			t.Errorf("%s: %v", system, c)
		} else {
			seen[key] = true
		}
	}
}

func TestPlot_drawsEachSystemOnce(t *testing.T) {
	rows := beside(&result{Rows: []row{{System: "Tactus", Clients: 1}}}, &result{Rows: []row{{System: "Tactus", Clients: 2}, {System: "other"}}})
	if len(rows) != 2 || rows[0].Clients != 1 || rows[1].System != "other" {
		t.Errorf("got %+v", rows)
	}
}

func TestPlot_namesMissingResults(t *testing.T) {
	err := drawAll(t.TempDir(), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "make bench-report") {
		t.Errorf("got %v", err)
	}
}

func TestPlot_drawsEmptyResults(t *testing.T) {
	cache, out := t.TempDir(), t.TempDir()
	for _, name := range []string{"sweep", "w1", "peers"} {
		if err := os.WriteFile(filepath.Join(cache, name+".json"), []byte(`{"rows":[]}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := drawAll(cache, out); err != nil {
		t.Fatal(err)
	}
	if text := svgText(t, filepath.Join(out, "bench-w1.svg")); !strings.Contains(text, "W1") {
		t.Errorf("the chart says %q", text)
	}
}
