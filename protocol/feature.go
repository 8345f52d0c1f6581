package protocol

// Features is a set of additions to the wire that a connection uses. A client
// lists those it knows in hello, the server those of them that hold in welcome.
// A message of a new type, or an old one with a new meaning, is sent only where
// its feature holds.
type Features uint8

// FeatureReply lets a reply carry a reason, and a say ask for a reply by an id.
const FeatureReply Features = 1 << iota

// ServerFeatures are the features that this version can serve.
const ServerFeatures = FeatureReply

// featureNames are the names on the wire, in the order of their bits.
var featureNames = [...]string{"reply"}

// Has reports whether all features of f are in the set.
func (s Features) Has(f Features) bool { return s&f == f }

// Names returns the features' names on the wire, nil for none. The slice is the
// caller's.
func (s Features) Names() []string {
	var names []string
	for i, name := range featureNames {
		if s.Has(1 << i) {
			names = append(names, name)
		}
	}
	return names
}

// features reads a list of names; unknown ones are those of a newer peer and
// mean nothing here.
func (r *reader) features() (s Features) {
	n := r.array()
	if n > MaxFeatures {
		r.fail(ErrTooLong)
	}
	for i := 0; i < n && r.err == nil; i++ {
		name := string(r.str(MaxFeatureName))
		for bit, known := range featureNames {
			if name == known {
				s |= 1 << bit
			}
		}
	}
	return s
}
