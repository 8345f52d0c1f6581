//go:build wasip1

package wasm

import (
	"errors"
	"unsafe"
)

// bufferAddress returns scratch memory of at least so many bytes, at most 1 MiB,
// 0 where that is exceeded. It stays where it is until a call with a larger size.
// Any call may grow the memory; callers must then make new views of it.
//
//go:wasmexport tactus_buffer
func bufferAddress(bytes uint32) uint32 {
	if bytes > maxBuffer {
		return 0
	}
	return address(page.grow(int(bytes)))
}

// initialize makes the world of a match. The buffer's first length bytes are
// UTF-8 lines: the game's name, the mode's, then the match's options as
// name=value. It returns 0, or the length of an error text in the buffer.
//
//go:wasmexport tactus_init
func initialize(length uint32) int32 {
	return page.guarded(func() error { return page.initialize(int(length)) })
}

// schemaHash returns the hash of the world's schema, to be compared with the
// server's; 0 before tactus_init. JavaScript gets every result as a signed
// number: >>> 0 makes it this one.
//
//go:wasmexport tactus_schema
func schemaHash() uint32 { return page.schema() }

// tableWords returns the address of a table's rows, capacity x stride words, 0
// for no such table. It holds until the next tactus_init.
//
//go:wasmexport tactus_words
func tableWords(table uint32) uint32 {
	t := page.table(table)
	if t == nil {
		return 0
	}
	return address(t.Words())
}

// putRow makes a row live, with zero words.
//
//go:wasmexport tactus_put
func putRow(table, index, generation uint32) { page.put(table, index, generation) }

// removeRow frees a row.
//
//go:wasmexport tactus_remove
func removeRow(table, index uint32) { page.remove(table, index) }

// clearRows frees all rows of all tables.
//
//go:wasmexport tactus_clear
func clearRows() { page.clear() }

// predict runs the player's prediction for count ticks from tick on. The buffer
// holds for each of them a lag word and the input's words. It returns 0, -1 when
// the game does not predict, or the length of an error text in the buffer.
//
//go:wasmexport tactus_predict
func predict(tick, slot, count uint32) int32 {
	cannot := false
	length := page.guarded(func() error {
		err := page.predict(tick, slot, count)
		if cannot = errors.Is(err, errCannotPredict); cannot {
			return nil
		}
		return err
	})
	if cannot {
		return -1
	}
	return length
}

// random plays a random match of the mode named by the buffer's first length
// bytes and puts its 64-bit hash, lower half first, in the buffer's first eight.
// It returns 0, or the length of an error text in the buffer.
//
//go:wasmexport tactus_random
func random(length, seedLow, seedHigh, ticks uint32) int32 {
	return page.guarded(func() error {
		return page.random(int(length), uint64(seedHigh)<<32|uint64(seedLow), ticks)
	})
}

// address is where the memory begins, 0 for none.
func address[T any](memory []T) uint32 {
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(memory))))
}
