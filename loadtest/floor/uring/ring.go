//go:build linux

package main

import (
	"fmt"
	"math/bits"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The part of linux/io_uring.h that is used here.
const (
	setupCQSize       = 1 << 3
	setupCoopTaskRun  = 1 << 8
	setupTaskRunFlag  = 1 << 9
	setupSingleIssuer = 1 << 12
	setupDeferTaskRun = 1 << 13

	featureSingleMmap = 1 << 0
	featureNoDrop     = 1 << 1

	offsetRings   = 0
	offsetEntries = 0x10000000

	enterGetEvents = 1 << 0

	submissionTaskRun = 1 << 2 // in the submission ring's flags

	registerFiles      = 2
	registerBufferRing = 22

	opSend = 26
	opRecv = 27

	entryFixedFile    = 1 << 0
	entryBufferSelect = 1 << 5
	entrySkipSuccess  = 1 << 6

	recvMultishot = 1 << 1 // in ioprio

	completionBuffer      = 1 << 0
	completionMore        = 1 << 1
	completionBufferShift = 16
)

// submission is struct io_uring_sqe, as sends and receives use it.
type submission struct {
	opcode      uint8
	flags       uint8
	ioprio      uint16
	fd          int32
	offset      uint64
	addr        uint64
	length      uint32
	msgFlags    uint32
	userData    uint64
	bufferGroup uint16
	personality uint16
	fileIndex   uint32
	_           [2]uint64
}

// completion is struct io_uring_cqe.
type completion struct {
	userData uint64
	result   int32
	flags    uint32
}

// setupParams is struct io_uring_params.
type setupParams struct {
	submissions, completions uint32
	flags                    uint32
	threadCPU, threadIdle    uint32
	features                 uint32
	workers                  uint32
	_                        [3]uint32
	submissionOffsets        struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	completionOffsets struct {
		head, tail, mask, entries, overflow, list, flags, _ uint32
		_                                                   uint64
	}
}

// bufferSlot is struct io_uring_buf. The tail of a ring of buffers lies over
// the reserved field of its first slot.
type bufferSlot struct {
	addr   uint64
	length uint32
	id     uint16
	tail   uint16
}

// bufferRegistration is struct io_uring_buf_reg.
type bufferRegistration struct {
	ringAddr uint64
	entries  uint32
	group    uint16
	flags    uint16
	_        [3]uint64
}

// ring is one io_uring instance, used by one goroutine at a time. With
// deferred completions it belongs to the operating system thread that made it:
// any other gets EEXIST.
type ring struct {
	fd          int
	rings       []byte // mapped: heads, tails, completions
	entries     []byte // mapped: the submissions
	submissions []submission
	queued      uint32 // submissions written and not yet entered

	submissionTail, submissionFlags *uint32
	completionHead, completionTail  *uint32
	submissionMask, completionMask  uint32
	completions                     []completion
}

// newRing makes a ring for that many submissions at a time and four times as
// many completions.
func newRing(submissions int, deferred bool) (*ring, error) {
	count := uint32(nextPowerOfTwo(submissions))
	params := setupParams{completions: 4 * count, flags: setupCQSize | setupCoopTaskRun}
	if deferred {
		params.flags = setupCQSize | setupSingleIssuer | setupDeferTaskRun | setupTaskRunFlag
	}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(count), uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return nil, os.NewSyscallError("io_uring_setup", errno)
	}
	r := &ring{fd: int(fd)}
	if err := r.mapMemory(&params); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *ring) mapMemory(p *setupParams) error {
	const wanted = featureSingleMmap | featureNoDrop
	if p.features&wanted != wanted {
		return fmt.Errorf("io_uring of this kernel is too old (features %#x)", p.features)
	}
	sub, com := &p.submissionOffsets, &p.completionOffsets
	size := max(uintptr(sub.array)+4*uintptr(p.submissions),
		uintptr(com.list)+uintptr(p.completions)*unsafe.Sizeof(completion{}))
	const readWrite, shared = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	var err error
	if r.rings, err = unix.Mmap(r.fd, offsetRings, int(size), readWrite, shared); err != nil {
		return os.NewSyscallError("mmap", err)
	}
	size = uintptr(p.submissions) * unsafe.Sizeof(submission{})
	if r.entries, err = unix.Mmap(r.fd, offsetEntries, int(size), readWrite, shared); err != nil {
		return os.NewSyscallError("mmap", err)
	}
	word := func(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.rings[offset])) }
	r.submissionTail, r.submissionFlags, r.submissionMask = word(sub.tail), word(sub.flags), *word(sub.mask)
	r.completionHead, r.completionTail, r.completionMask = word(com.head), word(com.tail), *word(com.mask)
	r.submissions = unsafe.Slice((*submission)(unsafe.Pointer(&r.entries[0])), p.submissions)
	r.completions = unsafe.Slice((*completion)(unsafe.Pointer(&r.rings[com.list])), p.completions)
	for i := range p.submissions { // submission i of the order is entry i
		*word(sub.array + 4*i) = i
	}
	return nil
}

// push queues a submission for the next enter. The caller queues no more
// between two enters than the ring was made for.
func (r *ring) push(s submission) {
	tail := *r.submissionTail + r.queued
	r.submissions[tail&r.submissionMask] = s
	r.queued++
}

// submit enters the kernel with all that was queued.
func (r *ring) submit() error {
	atomic.StoreUint32(r.submissionTail, *r.submissionTail+r.queued)
	for r.queued > 0 {
		n, errno := r.enter(r.queued, 0)
		if errno != 0 && errno != unix.EINTR {
			return os.NewSyscallError("io_uring_enter", errno)
		}
		r.queued -= n
	}
	return nil
}

// collect lets a deferred ring complete what has arrived. One call completes 20
// at most (IO_LOCAL_TW_DEFAULT_MAX of the kernel), so that a crowd needs several;
// stopping at one would leave most inputs for a later tick.
func (r *ring) collect() error {
	for atomic.LoadUint32(r.submissionFlags)&submissionTaskRun != 0 {
		if _, errno := r.enter(0, enterGetEvents); errno != 0 && errno != unix.EINTR {
			return os.NewSyscallError("io_uring_enter", errno)
		}
	}
	return nil
}

func (r *ring) enter(count uint32, flags uintptr) (uint32, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(count), 0, flags, 0, 0)
	if errno != 0 {
		n = 0
	}
	return uint32(n), errno
}

// each hands over the completions that are there.
func (r *ring) each(f func(c completion) error) error {
	head := *r.completionHead
	for tail := atomic.LoadUint32(r.completionTail); head != tail; head++ {
		if err := f(r.completions[head&r.completionMask]); err != nil {
			return err
		}
	}
	atomic.StoreUint32(r.completionHead, head)
	return nil
}

func (r *ring) register(what uintptr, arg unsafe.Pointer, count int) error {
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), what, uintptr(arg), uintptr(count), 0, 0)
	return os.NewSyscallError("io_uring_register", errnoOrNil(errno))
}

func errnoOrNil(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

func (r *ring) close() {
	_ = unix.Close(r.fd)
	for _, mapped := range [][]byte{r.rings, r.entries} {
		if mapped != nil {
			_ = unix.Munmap(mapped)
		}
	}
}

// bufferRing is memory that the kernel takes receive buffers from by itself.
type bufferRing struct {
	slots []bufferSlot
	bytes []byte // the buffers, one after another, slots behind them
	size  int    // of one buffer
	tail  uint16
}

// newBufferRing registers count buffers of size bytes as group 0; count is a
// power of two.
func newBufferRing(r *ring, count, size int) (*bufferRing, error) {
	bytes, err := mapAnonymous(count * (size + int(unsafe.Sizeof(bufferSlot{}))))
	if err != nil {
		return nil, err
	}
	b := &bufferRing{bytes: bytes, size: size}
	// The kernel wants the slots on a page of their own; count*size is whole
	// pages.
	b.slots = unsafe.Slice((*bufferSlot)(unsafe.Pointer(&bytes[count*size])), count)
	registration := bufferRegistration{ringAddr: address(bytes[count*size:]), entries: uint32(count)}
	if err := r.register(registerBufferRing, unsafe.Pointer(&registration), 1); err != nil {
		b.close()
		return nil, err
	}
	for id := range count {
		b.giveBack(uint16(id))
	}
	b.publish()
	return b, nil
}

// at is the buffer the kernel chose; giveBack and publish let it be used again.
func (b *bufferRing) at(id uint16) []byte { return b.bytes[int(id)*b.size:][:b.size] }

func (b *bufferRing) giveBack(id uint16) {
	slot := &b.slots[int(b.tail)&(len(b.slots)-1)]
	slot.addr, slot.length, slot.id = address(b.at(id)), uint32(b.size), id
	b.tail++
}

// publish makes the buffers given back visible to the kernel, which reads the
// tail as 16 bits. Go has no atomic store of 16 bits, so the id beside it, which
// is written here only, is stored along.
func (b *bufferRing) publish() {
	first := &b.slots[0]
	word := (*uint32)(unsafe.Pointer(&first.id))
	var both struct{ id, tail uint16 }
	both.id, both.tail = first.id, b.tail
	atomic.StoreUint32(word, *(*uint32)(unsafe.Pointer(&both)))
}

func (b *bufferRing) close() { _ = unix.Munmap(b.bytes) }

func mapAnonymous(size int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANONYMOUS|unix.MAP_PRIVATE)
	return b, os.NewSyscallError("mmap", err)
}

func address(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

func nextPowerOfTwo(n int) int { return 1 << bits.Len(uint(max(n, 1)-1)) }
