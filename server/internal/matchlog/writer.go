package matchlog

import (
	"hash/crc32"
	"io"
	"runtime"
	"slices"
	"sync/atomic"

	"tactus/game"
)

// Writer logs one match. Its methods append to a buffer and hand full buffers to the
// store. They neither block nor fail: a log that can't be kept is marked as broken
// and drops further records. The caller owns texts and slices again when a method
// returns. A Writer is not safe for concurrent use; owned by its match, except for
// Abandon, which takes it over.
type Writer struct {
	store  *Store
	header Header
	begun  bool // the header is written
	closed bool
	broken atomic.Bool // set by either side; the writer drops everything then
	// owner says whether the match is within a method, and after Abandon that no method
	// does anything any more.
	owner atomic.Int32

	buf []byte // nil until there is something to log
	// busy means that the last block was more than bare ticks.
	busy     bool
	summed   int    // bytes of buf that are in sum
	sum      uint32 // checksum of the log up to there
	unsent   int    // ticks in buf
	tick     game.Tick
	hash     uint64
	inputs   []uint32 // per slot: lag, then words, as the simulation has them
	perInput int

	played atomic.Bool // a player has joined

	file    file // the store's own from here on
	bytes   int64
	counted bool // in the store's sums
	name    string
	gone    bool // failed, and counted
}

// file is a log on the disk.
type file interface{ io.WriteCloser }

// Values of Writer.owner.
const (
	ownerIdle int32 = iota
	ownerWriting
	ownerAbandoned
)

// enter begins a method. It reports false for a log that was abandoned. Otherwise leave
// ends the method.
func (w *Writer) enter() bool { return w.owner.CompareAndSwap(ownerIdle, ownerWriting) }

func (w *Writer) leave() { w.owner.Store(ownerIdle) }

func (w *Writer) dropping() bool { return w.closed || w.broken.Load() }

// Checkpoint logs the whole state. The first call begins the log, so it comes
// before everything else; later ones, at a tick's border, let a viewer seek.
func (w *Writer) Checkpoint(sim *game.Simulation) {
	if !w.enter() {
		return
	}
	defer w.leave()
	if w.dropping() {
		return
	}
	if !w.begun {
		w.begin(sim)
	}
	w.send(false)
	w.store.recycle(w.buf)
	busy := w.busy
	b := appendArray(w.store.stateBuffer(), 3)
	b = appendUint(b, uint64(KindCheckpoint))
	b = appendUint(b, uint64(sim.Tick()))
	b = appendStateRoom(b)
	start := len(b)
	b = sim.Save(b)
	setStateLength(b, start)
	w.buf, w.tick = b, sim.Tick()
	w.send(false)
	w.busy = busy
}

func (w *Writer) begin(sim *game.Simulation) {
	w.begun = true
	w.header.fill(sim)
	w.perInput = w.header.InputWords + 1
	w.inputs = make([]uint32, w.perInput*w.header.Rules.MaxPlayers)
	for p := range game.Slot(w.header.Rules.MaxPlayers) {
		at := w.inputs[int(p)*w.perInput:]
		at[0] = uint32(sim.Inputs().Lag(p))
		copy(at[1:w.perInput], sim.Inputs().Words(p))
	}
	w.name = w.header.FileName()
	w.buf = w.header.append(w.store.buffer(bufferSize))
}

// Join logs that a player joined. player is the id, name is for display.
func (w *Writer) Join(p game.Slot, info game.PlayerInfo, player, name string) {
	if !w.enter() {
		return
	}
	defer w.leave()
	b, ok := w.record(KindJoin, 6, longestRecord)
	if !ok {
		return
	}
	if !info.Bot {
		w.played.Store(true)
	}
	b = appendBool(appendUint(b, uint64(p)), info.Bot)
	b = appendInt(b, int64(info.Team))
	b = appendText(appendText(b, player), name)
	w.forget(p)
	w.append(b)
}

// Leave logs that a player left.
func (w *Writer) Leave(p game.Slot, why game.LeaveReason) {
	if !w.enter() {
		return
	}
	defer w.leave()
	b, ok := w.record(KindLeave, 3, longestRecord)
	if !ok {
		return
	}
	w.forget(p)
	w.append(appendUint(appendUint(b, uint64(p)), uint64(why)))
}

// Seal logs the proof that the matchmaker has seated the player of a slot.
func (w *Writer) Seal(p game.Slot, seal []byte) {
	if !w.enter() {
		return
	}
	defer w.leave()
	b, ok := w.record(KindSeal, 3, longestRecord)
	if !ok {
		return
	}
	seal = seal[:min(len(seal), maxSeal)]
	w.append(append(append(appendUint(b, uint64(p)), 0xc4, byte(len(seal))), seal...))
}

// Command logs a command, also one that the rules refused.
func (w *Writer) Command(p game.Slot, name string, args []int32) {
	if !w.enter() {
		return
	}
	defer w.leave()
	b, ok := w.record(KindCommand, 4, longestRecord)
	if !ok {
		return
	}
	b = appendText(appendUint(b, uint64(p)), name)
	b = appendArray(b, len(args))
	for _, a := range args {
		b = appendInt(b, int64(a))
	}
	w.append(b)
}

// Input logs an input that the simulation accepted. An input equal to the last one is
// not written.
func (w *Writer) Input(p game.Slot, lag int32, words []uint32) {
	if !w.enter() {
		return
	}
	defer w.leave()
	if w.dropping() || !w.begun || len(words)+1 != w.perInput || (int(p)+1)*w.perInput > len(w.inputs) {
		return
	}
	last := w.inputs[int(p)*w.perInput:][:w.perInput]
	if last[0] == uint32(lag) && slices.Equal(last[1:], words) {
		return
	}
	last[0] = uint32(lag)
	copy(last[1:], words)
	// Not record: the log may have broken since the check above.
	b := w.start(KindInput, 3+len(words), longestRecord)
	b = appendInt(appendUint(b, uint64(p)), int64(lag))
	for _, word := range words {
		// Most words are small numbers of either sign, which are shorter as
		// signed ones.
		b = appendInt(b, int64(int32(word)))
	}
	w.append(b)
}

// Tick ends a tick. The records since the last tick belong to it. hash is that of the
// state after the tick, 0 for none.
func (w *Writer) Tick(t game.Tick, hash uint64) {
	if !w.enter() {
		return
	}
	defer w.leave()
	if !w.dropping() && cap(w.buf) == quietSize && len(w.buf) > quietSize-longestTick {
		w.send(false) // a quiet match does without a larger one
	}
	b, ok := w.record(KindTick, 4, longestTick)
	if !ok {
		return
	}
	w.tick, w.hash = t, hash
	w.buf = appendUint(appendUint(b, uint64(t)), hash)
	w.seal()
	w.unsent++
	if w.unsent >= w.header.Rate || len(w.buf) > sendAt {
		w.send(false)
	}
}

// Close ends the log with the reason of the match's end. Further calls do nothing.
func (w *Writer) Close(reason string) {
	if !w.enter() {
		return
	}
	defer w.leave()
	w.end(reason)
}

// Abandon ends the log of a match whose turn hangs, as Close does. What the turn has
// done so far is in it, so that a replay gets to the rules that hang. The methods that
// the turn calls when it goes on do nothing. It is safe for concurrent use.
func (w *Writer) Abandon(reason string) {
	for !w.owner.CompareAndSwap(ownerIdle, ownerAbandoned) {
		if w.owner.Load() == ownerAbandoned {
			return
		}
		runtime.Gosched() // the turn is within a method, which never takes long
	}
	w.end(reason)
}

func (w *Writer) end(reason string) {
	if w.closed {
		return
	}
	if b, ok := w.record(KindEnd, 5, longestRecord); ok {
		w.buf = appendUint(appendUint(appendText(b, reason), uint64(w.tick)), w.hash)
		w.seal()
	}
	if w.begun {
		w.send(true)
	}
	w.closed = true
	w.inputs = nil
}

// record starts a record of at most longest bytes. ok is false if the log drops it.
func (w *Writer) record(k Kind, elements, longest int) (b []byte, ok bool) {
	if w.dropping() || !w.begun {
		return nil, false
	}
	return w.start(k, elements, longest), true
}

func (w *Writer) start(k Kind, elements, longest int) []byte {
	w.makeRoom(longest)
	return appendUint(appendArray(w.buf, elements), uint64(k))
}

// makeRoom uses a small buffer while a match logs little, and a larger one otherwise.
func (w *Writer) makeRoom(n int) {
	if w.buf == nil && !w.busy {
		w.buf = w.store.buffer(quietSize)
	}
	if cap(w.buf) >= bufferSize || len(w.buf)+n <= cap(w.buf) {
		return
	}
	small := w.buf
	w.buf = append(w.store.buffer(bufferSize), small...)
	w.store.recycle(small)
}

// append ends a record. A nearly full buffer goes to the store, so that none grows.
func (w *Writer) append(b []byte) {
	w.buf = b
	if len(b) > sendAt {
		w.send(false)
	}
}

// seal ends a record with the checksum of the whole log so far.
func (w *Writer) seal() {
	w.addUp()
	w.buf = appendChecksum(w.buf, w.sum)
}

func (w *Writer) addUp() {
	w.sum = crc32.Update(w.sum, castagnoli, w.buf[w.summed:])
	w.summed = len(w.buf)
}

// forget keeps the last input in step with the simulation, which clears it
// when a seat changes hands.
func (w *Writer) forget(p game.Slot) {
	if (int(p)+1)*w.perInput <= len(w.inputs) {
		clear(w.inputs[int(p)*w.perInput:][:w.perInput])
	}
}

// send hands the buffer to the store. If the store can't keep up, the log breaks: a
// gap would make the rest worthless.
func (w *Writer) send(last bool) {
	if len(w.buf) == 0 && !last {
		return
	}
	w.addUp()
	w.busy = len(w.buf) > longestTick*max(w.unsent, 1)
	if !w.store.take(w, w.buf, last) {
		w.broken.Store(true)
		w.store.recycle(w.buf)
	}
	w.summed, w.unsent = 0, 0
	w.buf = nil
}
