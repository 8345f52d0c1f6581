package matchlog

import (
	"strings"
	"time"

	"tactus/game"
)

// formatVersion grows when an older reader would misread a log.
const formatVersion = 1

// Header is the beginning of a log: the configuration of the match, and its origin.
// [Store.Create] uses only Match, Game, Mode, Started and Product; the first
// checkpoint fills in the rest.
type Header struct {
	Match   string
	Game    string
	Version string // of the game's rules
	Mode    string
	Seed    uint64
	Options []game.Option // of the match, before those of the mode
	// Rate is the number of ticks per second.
	Rate    int
	Schema  uint32    // hash of the game's schema
	Started time.Time // read back in whole seconds, UTC
	// Product is the version of the server.
	Product    string
	Rules      game.Mode // the mode with all its numbers
	InputWords int       // words of one input
	// Kept keeps the log by time, see [Config.KeepFor]. Its file's name says so.
	Kept bool
}

// fill sets the fields that the simulation knows.
func (h *Header) fill(sim *game.Simulation) {
	info, cfg := sim.Info(), sim.Config()
	h.Game, h.Version, h.Rate = info.Name, info.Version, info.Rate()
	h.Mode, h.Rules, h.Seed, h.Options = cfg.Mode.Name, cfg.Mode, cfg.Seed, cfg.Options
	h.Schema, h.InputWords = sim.Schema().Hash(), info.Input.Stride
}

// config is what the match was made from.
func (h *Header) config() game.MatchConfig {
	return game.MatchConfig{Mode: h.Rules, Seed: h.Seed, Options: h.Options}
}

// Suffixes of log files; a broken log ends with both.
const (
	suffix       = ".tlog"
	keptSuffix   = ".kept" + suffix
	brokenSuffix = ".broken" + suffix
)

// FileName is the log's name in its directory: names sort by the time at which
// their matches began.
func (h *Header) FileName() string {
	end := suffix
	if h.Kept {
		end = keptSuffix
	}
	return strings.Join([]string{
		h.Started.UTC().Format("20060102T150405Z"), fileSafe(h.Game), fileSafe(h.Mode), fileSafe(h.Match),
	}, "-") + end
}

// fileSafe replaces all characters that are not safe within a file's name.
func fileSafe(s string) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, s)
	return safe[:min(len(safe), 64)]
}

const headerKeys = 11

func (h *Header) append(b []byte) []byte {
	text := func(key, value string) { b = appendText(appendText(b, key), value) }
	number := func(key string, value uint64) { b = appendUint(appendText(b, key), value) }
	b = appendMap(b, headerKeys)
	number("tactus_log", formatVersion)
	text("match", h.Match)
	text("game", h.Game)
	text("version", h.Version)
	b = h.appendMode(appendText(b, "mode"))
	number("seed", h.Seed)
	b = appendOptions(appendText(b, "options"), h.Options)
	number("rate", uint64(h.Rate))
	b = appendUint(appendUint(appendArray(appendText(b, "schema"), 2), uint64(h.Schema)), uint64(h.InputWords))
	b = appendInt(appendText(b, "started"), h.Started.Unix())
	text("product", h.Product)
	return b
}

func (h *Header) appendMode(b []byte) []byte {
	m := &h.Rules
	b = appendText(appendText(appendArray(b, 7), m.Name), m.Title)
	for _, n := range [...]int{m.MinPlayers, m.MaxPlayers, m.Teams, m.Fill} {
		b = appendInt(b, int64(n))
	}
	return appendOptions(b, m.Options)
}

func appendOptions(b []byte, options []game.Option) []byte {
	options = options[:min(len(options), maxOptions)]
	b = appendArray(b, len(options))
	for _, o := range options {
		b = appendInt(appendText(appendArray(b, 2), o.Name), int64(o.Value))
	}
	return b
}

func (h *Header) decode(d *decoder) {
	n := d.mapLen(maxHeaderKeys)
	version := uint64(0)
	for i := 0; i < n && d.err == nil; i++ {
		key := d.text()
		if i == 0 && key != "tactus_log" {
			d.fail("not a match log")
			return
		}
		switch key {
		case "tactus_log":
			if version = d.uint(); version != formatVersion {
				d.fail("a log of another format version")
			}
		case "match":
			h.Match = d.text()
		case "game":
			h.Game = d.text()
		case "version":
			h.Version = d.text()
		case "mode":
			h.decodeMode(d)
		case "seed":
			h.Seed = d.uint()
		case "options":
			h.Options = d.options()
		case "rate":
			h.Rate = int(d.uintUpTo(1 << 16))
		case "schema":
			d.arrayOf(2)
			h.Schema = uint32(d.uintUpTo(1<<32 - 1))
			h.InputWords = int(d.uintUpTo(game.MaxInputWord))
		case "started":
			h.Started = time.Unix(d.int(), 0).UTC()
		case "product":
			h.Product = d.text()
		default:
			d.skip(0)
		}
	}
	if d.err == nil && version == 0 {
		d.fail("not a match log")
	}
}

func (h *Header) decodeMode(d *decoder) {
	m := &h.Rules
	d.arrayOf(7)
	m.Name, m.Title = d.text(), d.text()
	for _, n := range [...]*int{&m.MinPlayers, &m.MaxPlayers, &m.Teams, &m.Fill} {
		*n = int(d.int32())
	}
	m.Options = d.options()
	h.Mode = m.Name
}
