package protocol

// Hello is a client's first message. It has either a join token or a resume
// token.
type Hello struct {
	Token  string // join token from the matchmaker
	Resume string // resume token from an earlier welcome
	Schema uint32 // hash of the schema that the client was built for; 0: any
	Event  uint32 // with Resume: newest event seen, so that none is missed
	Client string // name and version, for logs

	Features Features // that the client knows; names that this version does not know are left out
}

type helloMap struct {
	Token  string `msgpack:"token,omitempty"`
	Resume string `msgpack:"resume,omitempty"`
	Schema uint32 `msgpack:"schema"`
	Event  uint32 `msgpack:"event,omitempty"`
	Client string `msgpack:"client,omitempty"`

	Features []string `msgpack:"features,omitempty"`
}

// AppendHello appends a hello message.
func AppendHello(dst []byte, h *Hello) []byte {
	m := helloMap{
		Token: h.Token, Resume: h.Resume, Schema: h.Schema, Event: h.Event, Client: h.Client,
		Features: h.Features.Names(),
	}
	return appendMap(dst, TypeHello, &m)
}

// ParseHello reads a hello message. [ErrMissing]: it has no token, or both.
func ParseHello(b []byte) (Hello, error) {
	r := open(b, TypeHello, 1)
	var h Hello
	for range r.pairs() {
		switch string(r.str(MaxIdent)) {
		case "token":
			h.Token = r.text(MaxToken)
		case "resume":
			h.Resume = r.text(MaxResume)
		case "schema":
			h.Schema = r.uint32()
		case "event":
			h.Event = r.uint32()
		case "client":
			h.Client = r.text(MaxClientName)
		case "features":
			h.Features = r.features()
		default:
			r.skip(1)
		}
	}
	if err := r.close(); err != nil {
		return Hello{}, err
	}
	if (h.Token == "") == (h.Resume == "") {
		return Hello{}, ErrMissing
	}
	return h, nil
}
