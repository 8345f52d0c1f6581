//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"

	"tactus/game"
	"tactus/protocol"
)

// floorServer is the C program of loadtest/floor behind a matchmaker. Its welcome has
// the schema of a game, so that its clients send that game's inputs.
type floorServer struct {
	*process
	matchmaker *fixedMatchmaker
}

// floorPlan describes a floor.
type floorPlan struct {
	game   game.Game
	groups int // moments of a tick that clients are spread over
	bytes  int // of a frame, head included
}

func startFloor(ctx context.Context, plan floorPlan, cpu string) (*floorServer, error) {
	welcome, frame, err := floorFrames(plan)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	files := [2]string{filepath.Join(cacheDir, "floor-welcome"), filepath.Join(cacheDir, "floor-frame")}
	for i, content := range [2][]byte{welcome, frame} {
		if err := os.WriteFile(files[i], content, 0o644); err != nil {
			return nil, err
		}
	}
	p, err := start("floor", cpu, "bin/floor", strconv.Itoa(ports[0]), strconv.Itoa(plan.game.Info().Rate()),
		strconv.Itoa(plan.groups), files[0], files[1])
	if err != nil {
		return nil, err
	}
	f := &floorServer{process: p}
	if f.matchmaker, err = startFixedMatchmaker("ws://" + loopback(ports[0]) + protocol.Path); err == nil {
		err = p.waitUntilListening(ctx, loopback(ports[0]))
	}
	if err != nil {
		f.stop()
		return nil, err
	}
	return f, nil
}

func (f *floorServer) stop() {
	if f.matchmaker != nil {
		f.matchmaker.close()
	}
	f.process.stop()
}

func (f *floorServer) url() string { return f.matchmaker.url }

// floorFrames returns the two frames that the floor sends: a welcome, and an empty
// snapshot, filled up to the size of the workload's.
func floorFrames(plan floorPlan) (welcome, snapshot []byte, err error) {
	info := plan.game.Info()
	sim, err := game.NewSimulation(plan.game, game.MatchConfig{Mode: info.Modes[0]})
	if err != nil {
		return nil, nil, err
	}
	const wide = 1 << 16 // a number that takes four bytes, as the floor writes them
	welcome = protocol.AppendWelcome(nil, &protocol.Welcome{
		Match: "floor", Player: "floor", Resume: "floor", Tick: wide, Rate: info.Rate(), Every: 1,
		Game: info.Name, Version: info.Version, Schema: sim.Schema(), Mode: protocol.WelcomeMode{Name: info.Modes[0].Name},
	})
	snapshot = protocol.AppendSnapshotHeader(nil, protocol.SnapshotHeader{Tick: wide, Gap: 1, Ack: wide})
	for len(snapshot) < max(payloadOf(plan.bytes), 20) {
		snapshot = append(snapshot, 0)
	}
	return append(frameHead(len(welcome)), welcome...), append(frameHead(len(snapshot)), snapshot...), nil
}

// payloadOf returns the payload size of a frame. No frame has 128 or 129 bytes, since
// the head grows by two there.
func payloadOf(frame int) int {
	switch {
	case frame < 128:
		return frame - 2
	case frame < 4+1<<16:
		return max(frame-4, 126)
	default:
		return frame - 10
	}
}

// frameHead returns the head of a server's binary frame.
func frameHead(payload int) []byte {
	const finBinary = 0x82
	switch {
	case payload < 126:
		return []byte{finBinary, byte(payload)}
	case payload < 1<<16:
		return []byte{finBinary, 126, byte(payload >> 8), byte(payload)}
	default:
		return binary.BigEndian.AppendUint64([]byte{finBinary, 127}, uint64(payload))
	}
}
