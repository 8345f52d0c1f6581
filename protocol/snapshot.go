package protocol

// SnapshotFlags says how to read a snapshot.
type SnapshotFlags uint8

// Flags of a snapshot.
const (
	FlagKeyframe SnapshotFlags = 1 // replaces everything
	FlagDiff     SnapshotFlags = 2 // words in groups are differences, but for blocks with BlockAbsolute
	FlagHash     SnapshotFlags = 4 // a hash of the visible state follows
	FlagDilated  SnapshotFlags = 8 // the match's clock runs slow; its speed follows
)

// snapshotElements is the number of elements after the type without the
// optional ones.
const snapshotElements = 9

// SnapshotHeader is what a client needs of every snapshot.
type SnapshotHeader struct {
	// Tick is the tick that the state is after.
	Tick  uint32
	Gap   uint32 // ticks since the last snapshot sent, 0 in a keyframe
	Ack   uint32 // newest input applied, 0 before the first
	Slack int32  // ticks by which the newest input came early; negative: late
	Flags SnapshotFlags
}

func (f SnapshotFlags) optional() int {
	return int(f&FlagHash)/int(FlagHash) + int(f&FlagDilated)/int(FlagDilated)
}

// AppendSnapshotHeader appends the head of a snapshot message: the array's and
// the first six elements. The caller appends the public, team and own sections
// and the events, and then calls [AppendSnapshotTail].
func AppendSnapshotHeader(dst []byte, h SnapshotHeader) []byte {
	dst = appendHead(dst, TypeSnapshot, snapshotElements+h.Flags.optional())
	dst = AppendUint(dst, h.Tick)
	dst = AppendUint(dst, h.Gap)
	dst = AppendUint(dst, h.Ack)
	dst = AppendInt(dst, h.Slack)
	return AppendUint(dst, uint32(h.Flags))
}

// AppendSnapshotTail appends the elements that the flags announce: the hash and
// the clock's speed in percent. Other flags are ignored.
func AppendSnapshotTail(dst []byte, hash, percent uint32, flags SnapshotFlags) []byte {
	if flags&FlagHash != 0 {
		dst = AppendUint(dst, hash)
	}
	if flags&FlagDilated != 0 {
		dst = AppendUint(dst, percent)
	}
	return dst
}

// Snapshot is a parsed snapshot message. Its sections are parts of the message
// and valid as long as the message is.
type Snapshot struct {
	SnapshotHeader
	Public  Section
	Team    Section
	Own     Section
	Events  Section // an element is an event; read it with [Snapshot.EventReader]
	Hash    uint32  // with FlagHash
	Percent uint32  // speed of the match's clock; 100 without FlagDilated
}

// ParseSnapshotHeader reads the head of a snapshot message and nothing else.
func ParseSnapshotHeader(b []byte) (SnapshotHeader, error) {
	r := open(b, TypeSnapshot, snapshotElements)
	h := r.snapshotHeader()
	if r.err != nil {
		return SnapshotHeader{}, r.err
	}
	return h, nil
}

func (r *reader) snapshotHeader() SnapshotHeader {
	return SnapshotHeader{
		Tick: r.uint32(), Gap: r.uint32(), Ack: r.uint32(), Slack: r.int32(),
		Flags: SnapshotFlags(r.int(0, 255)),
	}
}

// ParseSnapshot reads a snapshot message into s. [Replica.Apply] checks the
// sections against the schema.
func ParseSnapshot(b []byte, s *Snapshot) error {
	r := open(b, TypeSnapshot, snapshotElements)
	*s = Snapshot{SnapshotHeader: r.snapshotHeader(), Percent: 100}
	s.Public = r.section()
	s.Team = r.section()
	s.Own = r.section()
	s.Events = r.events()
	if r.extra -= s.Flags.optional(); r.extra < 0 {
		r.fail(ErrMalformed)
	}
	if s.Flags&FlagHash != 0 {
		s.Hash = r.uint32()
	}
	if s.Flags&FlagDilated != 0 {
		s.Percent = r.uint32()
	}
	return r.close()
}

func (r *reader) section() Section {
	n := r.arrayOrNil()
	return Section{Count: n, Data: r.skipInts(n)}
}
