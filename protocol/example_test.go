package protocol_test

import (
	"fmt"

	"tactus/protocol"
)

// A client sends one input for each tick. Its words are the fields of the game's
// input struct.
func ExampleAppendInput() {
	words := []uint32{65536, 0, 1}
	message := protocol.AppendInput(nil, protocol.InputHeader{Seq: 7, Tick: 120, Lag: 16}, words)
	fmt.Printf("% x\n", message)

	got := make([]uint32, 3)
	header, err := protocol.ParseInput(message, got)
	fmt.Println(header, got, err)
	// Output:
	// 97 02 07 78 10 ce 00 01 00 00 00 01
	// {7 120 16} [65536 0 1] <nil>
}

// Type is the first element of each message, whatever else is in it.
func ExampleType() {
	message := protocol.AppendPing(nil, &protocol.Ping{Time: 1234})
	kind, err := protocol.Type(message)
	fmt.Println(kind == protocol.TypePing, err)

	_, err = protocol.Type([]byte("hello"))
	fmt.Println(err)
	// Output:
	// true <nil>
	// protocol: malformed message
}
