//go:build linux

package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// dial returns clients and the server's descriptors of their connections.
func dial(t *testing.T, count int) (clients []net.Conn, fds []int32) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for range count {
		client, err := net.Dial("tcp4", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		clients = append(clients, client)
	}
	if fds, err = acceptAll(listener, count); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, fd := range fds {
			_ = unix.Close(int(fd))
		}
	})
	return clients, fds
}

// open skips the test where the kernel or a sandbox forbids io_uring.
func open(t *testing.T, v variant, fds []int32, got func(client int, b []byte)) *exchange {
	t.Helper()
	x, err := newExchange(v, fds, got)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) {
		t.Skip("no io_uring here: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.close)
	return x
}

func TestEveryVariantMovesTheSameBytes(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			clients, fds := dial(t, 3)
			heard := make([][]byte, len(fds))
			x := open(t, v, fds, func(client int, b []byte) { heard[client] = append(heard[client], b...) })
			for tick := range 40 {
				for i, client := range clients {
					said := bytes.Repeat([]byte{byte(tick), byte(i)}, 100+i)
					if i == 1 && tick%2 == 1 {
						said = nil // silent this time
					} else if _, err := client.Write(said); err != nil {
						t.Fatal(err)
					}
					copy(x.frame(i), bytes.Repeat([]byte{byte(i), byte(tick)}, frameSize/2))
					heard[i] = heard[i][:0]
					for turn := 0; len(heard[i]) < len(said) && turn < 1000; turn++ {
						if err := x.receive(); err != nil {
							t.Fatal(err)
						}
					}
					if !bytes.Equal(heard[i], said) {
						t.Fatalf("tick %d: client %d said %x, heard %x", tick, i, said, heard[i])
					}
				}
				if err := x.send(); err != nil {
					t.Fatal(err)
				}
				for i, client := range clients {
					frame := make([]byte, frameSize)
					if _, err := io.ReadFull(client, frame); err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(frame, x.frame(i)) {
						t.Fatalf("tick %d: client %d got %x", tick, i, frame)
					}
				}
			}
		})
	}
}

func TestEveryVariantNoticesAFullSocket(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			_, fds := dial(t, 1)
			if err := unix.SetsockoptInt(int(fds[0]), unix.SOL_SOCKET, unix.SO_SNDBUF, 4096); err != nil {
				t.Fatal(err)
			}
			x := open(t, v, fds, func(int, []byte) {})
			for range 1_000_000 {
				err := x.send()
				if x.blocked > 0 || errors.Is(err, errShortSend) {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			t.Fatal("a client that never reads has taken 120 MB")
		})
	}
}

func TestEveryVariantNoticesTheEndOfAClient(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			clients, fds := dial(t, 2)
			x := open(t, v, fds, func(int, []byte) {})
			if err := clients[1].Close(); err != nil {
				t.Fatal(err)
			}
			for range 1000 {
				if err := x.receive(); err != nil {
					if !errors.Is(err, io.EOF) {
						t.Fatal(err)
					}
					return
				}
			}
			t.Fatal("nobody noticed")
		})
	}
}

func TestFramesAreFoundInAnySplit(t *testing.T) {
	for received, want := range map[uint64]int{0: 0, 1: 119, 119: 1, 120: 0, 121: 119, 1 << 40: 104} {
		if got := untilFrame(received); got != want {
			t.Errorf("after %d bytes the next frame begins %d later, want %d", received, got, want)
		}
	}
}
