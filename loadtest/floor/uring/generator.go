//go:build linux

package main

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// generated is what a generator says when it ends.
type generated struct {
	Received uint64  // frames
	Lag      float64 // mean age, in ticks, of the client's frame that a frame repeats
}

// crowd is the clients: one thread with an epoll set. Each client sends a frame
// a tick, at a time of its own within it.
type crowd struct {
	poller  int
	fds     []int
	numbers []uint64
	bytes   []uint64 // received, by client
	frames  uint64   // whose number was seen
	lag     uint64   // sum, in ticks
	out     [frameSize]byte
	in      []byte
}

// generate plays clients against a server until stop is closed.
func generate(address string, clients int, stop <-chan struct{}, out io.Writer) error {
	c := &crowd{numbers: make([]uint64, clients), bytes: make([]uint64, clients), in: make([]byte, 16<<10)}
	if err := c.connect(address, clients); err != nil {
		return err
	}
	if err := c.play(stop); err != nil {
		return err
	}
	account := generated{Lag: float64(c.lag) / float64(max(c.frames, 1))}
	for _, bytes := range c.bytes {
		account.Received += bytes / frameSize
	}
	return json.NewEncoder(out).Encode(&account)
}

func (c *crowd) connect(address string, clients int) error {
	to, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return err
	}
	server := &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}
	if c.poller, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	for client := range clients {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		c.fds = append(c.fds, fd)
		if err := unix.Connect(fd, server); err != nil {
			return err
		}
		if err := unix.SetNonblock(fd, true); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return err
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(client)}
		if err := unix.EpollCtl(c.poller, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			return err
		}
	}
	return nil
}

func (c *crowd) play(stop <-chan struct{}) error {
	events := make([]unix.EpollEvent, 256)
	start := time.Now()
	sent := 0 // in all, in turns
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		// Client k of n is due at k/n of each tick.
		for due := int(time.Since(start) * time.Duration(len(c.fds)) / period); sent < due; sent++ {
			if err := c.send(sent % len(c.fds)); err != nil {
				return err
			}
		}
		n, err := unix.EpollWait(c.poller, events, 1)
		if err != nil && err != unix.EINTR {
			return err
		}
		for _, event := range events[:max(n, 0)] {
			if err := c.receive(int(event.Fd)); err != nil {
				return err
			}
		}
	}
}

func (c *crowd) send(client int) error {
	c.numbers[client]++
	binary.LittleEndian.PutUint64(c.out[:], c.numbers[client])
	n, err := unix.Write(c.fds[client], c.out[:])
	if err == nil && n < frameSize {
		err = errShortSend
	}
	return err
}

func (c *crowd) receive(client int) error {
	n, err := unix.Read(c.fds[client], c.in)
	switch {
	case err == unix.EAGAIN:
		return nil
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	}
	before := c.bytes[client]
	c.bytes[client] += uint64(n)
	for at := untilFrame(before); at+8 <= n; at += frameSize {
		if number := binary.LittleEndian.Uint64(c.in[at:]); number > 0 {
			c.lag += c.numbers[client] - number
			c.frames++
		}
	}
	return nil
}
