//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// variant says how a match's sockets are read and written.
type variant struct {
	name     string
	receives way
	sends    way
	deferred bool // completions run when asked for, on one operating system thread
	fixed    bool // descriptors are registered with the ring
	silent   bool // a send that succeeds completes without saying so
	// oneThread runs all matches on one operating system thread that sleeps in
	// the kernel, outside of Go's scheduler.
	oneThread bool
}

type way int

const (
	calls     way = iota // one system call per client
	batch                // one submission per client, one enter for all
	multishot            // receives only: submitted once, in buffers the kernel chooses
)

var variants = []variant{
	{name: "calls"},
	{name: "sends", sends: batch},
	{name: "sends-deferred", sends: batch, deferred: true, fixed: true, silent: true},
	{name: "both", receives: batch, sends: batch, fixed: true, silent: true},
	{name: "multishot", receives: multishot, sends: batch, deferred: true},
	{name: "multishot-tuned", receives: multishot, sends: batch, deferred: true, fixed: true, silent: true},
	{name: "calls-onethread", oneThread: true},
	{name: "multishot-onethread", receives: multishot, sends: batch, deferred: true, fixed: true, silent: true, oneThread: true},
	{name: "multishot-anythread", receives: multishot, sends: batch, fixed: true, silent: true},
}

func variantNamed(name string) (variant, error) {
	for _, v := range variants {
		if v.name == name {
			return v, nil
		}
	}
	return variant{}, fmt.Errorf("no variant %q", name)
}

// exchange is the sockets of one match, driven by its goroutine.
type exchange struct {
	variant
	fds []int32
	// got takes what a client sent, valid until it returns.
	got     func(client int, b []byte)
	frames  []byte // what send sends: frameSize bytes for each client
	scratch []byte // what calls reads into; batch: receiveSize bytes for each client
	blocked uint64 // sends that a full socket refused

	ring    *ring
	buffers *bufferRing
}

const (
	// receiveSize is the room for what one client sends in a tick.
	receiveSize = 512
	// sendTag marks the user data of sends.
	sendTag = 1 << 32
)

// newExchange takes over non-blocking sockets.
func newExchange(v variant, fds []int32, got func(client int, b []byte)) (*exchange, error) {
	x := &exchange{variant: v, fds: fds, got: got}
	var err error
	// The kernel keeps these addresses while a call runs: memory outside of
	// Go's heap.
	if x.frames, err = mapAnonymous(len(fds) * frameSize); err != nil {
		return nil, err
	}
	if x.scratch, err = mapAnonymous(max(len(fds)*receiveSize, 16<<10)); err != nil {
		return nil, err
	}
	if v.receives == calls && v.sends == calls {
		return x, nil
	}
	if x.ring, err = newRing(len(fds), v.deferred); err != nil {
		return nil, err
	}
	if v.fixed {
		if err := x.ring.register(registerFiles, unsafe.Pointer(unsafe.SliceData(fds)), len(fds)); err != nil {
			return nil, err
		}
	}
	if v.receives != multishot {
		return x, nil
	}
	// Room for two receives of each client and whole pages of buffers.
	if x.buffers, err = newBufferRing(x.ring, nextPowerOfTwo(max(2*len(fds), 16)), receiveSize); err != nil {
		return nil, err
	}
	for client := range fds {
		x.arm(client)
	}
	return x, x.ring.submit()
}

// receive hands over what has arrived.
func (x *exchange) receive() error {
	switch x.receives {
	case calls:
		return x.receiveByCalls()
	case batch:
		for client := range x.fds {
			room := x.scratch[client*receiveSize:][:receiveSize]
			x.push(client, submission{
				opcode: opRecv, addr: address(room), length: receiveSize,
				msgFlags: unix.MSG_DONTWAIT, userData: uint64(client),
			})
		}
		if err := x.ring.submit(); err != nil {
			return err
		}
	case multishot:
		// Without deferral the kernel has run the completions whenever the
		// thread entered it.
		if x.deferred {
			if err := x.ring.collect(); err != nil {
				return err
			}
		}
	}
	return x.reap()
}

func (x *exchange) receiveByCalls() error {
	b := x.scratch[:16<<10]
	for client, fd := range x.fds {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		switch {
		case errno == syscall.EAGAIN || errno == syscall.EINTR:
		case errno != 0:
			return errno
		case n == 0:
			return io.EOF
		default:
			x.got(client, b[:n])
		}
	}
	return nil
}

// send sends each client its frame.
func (x *exchange) send() error {
	if x.sends == calls {
		return x.sendByCalls()
	}
	flags := uint8(0)
	if x.silent {
		flags = entrySkipSuccess
	}
	for client := range x.fds {
		x.push(client, submission{
			opcode: opSend, flags: flags, addr: address(x.frame(client)), length: frameSize,
			// With MSG_WAITALL a send of less than all counts as failed, so
			// that a silent one says it.
			msgFlags: unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL | unix.MSG_WAITALL, userData: sendTag | uint64(client),
		})
	}
	if err := x.ring.submit(); err != nil {
		return err
	}
	return x.reap()
}

func (x *exchange) sendByCalls() error {
	for client, fd := range x.fds {
		b := x.frame(client)
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), frameSize, syscall.MSG_NOSIGNAL, 0, 0)
		if errno != 0 {
			n = 0
		}
		if err := x.sent(int32(n), errno); err != nil {
			return err
		}
	}
	return nil
}

func (x *exchange) frame(client int) []byte { return x.frames[client*frameSize:][:frameSize] }

var errShortSend = errors.New("a socket took part of a frame: the generator does not keep up")

func (x *exchange) sent(n int32, errno syscall.Errno) error {
	switch {
	case errno == syscall.EAGAIN:
		x.blocked++
		return nil
	case errno != 0:
		return errno
	case n != frameSize:
		return errShortSend
	}
	return nil
}

// arm submits a receive that goes on until it fails.
func (x *exchange) arm(client int) {
	x.push(client, submission{opcode: opRecv, flags: entryBufferSelect, ioprio: recvMultishot, userData: uint64(client)})
}

func (x *exchange) push(client int, s submission) {
	s.fd = x.fds[client]
	if x.fixed {
		s.fd = int32(client)
		s.flags |= entryFixedFile
	}
	x.ring.push(s)
}

func (x *exchange) reap() error {
	err := x.ring.each(x.completed)
	if x.buffers != nil {
		x.buffers.publish()
	}
	if err == nil && x.ring.queued > 0 {
		err = x.ring.submit()
	}
	return err
}

func (x *exchange) completed(c completion) error {
	errno := syscall.Errno(0)
	if c.result < 0 {
		errno = syscall.Errno(-c.result)
	}
	if c.userData&sendTag != 0 {
		return x.sent(c.result, errno)
	}
	client := int(c.userData)
	if c.result > 0 {
		if x.receives == batch {
			x.got(client, x.scratch[client*receiveSize:][:c.result])
		} else {
			id := uint16(c.flags >> completionBufferShift)
			x.got(client, x.buffers.at(id)[:c.result])
			x.buffers.giveBack(id)
		}
	}
	switch {
	case errno != 0 && errno != syscall.EAGAIN && errno != syscall.ENOBUFS:
		return errno
	case c.result == 0:
		return io.EOF
	case x.receives == multishot && c.flags&completionMore == 0:
		x.arm(client)
	}
	return nil
}

func (x *exchange) close() {
	if x.ring != nil {
		x.ring.close()
	}
	if x.buffers != nil {
		x.buffers.close()
	}
	_ = unix.Munmap(x.frames)
	_ = unix.Munmap(x.scratch)
}
