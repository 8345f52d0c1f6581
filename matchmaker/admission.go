package matchmaker

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/jsonbody"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const (
	// ignoredHeader names the fields of a request that were ignored.
	ignoredHeader = "Tactus-Ignored"
	// generatedHeader is sent by generated clients and the SDK, and left out by
	// people.
	generatedHeader = "Connect-Protocol-Version"
	// envelopeBytes stand before each message of a stream: flags and length.
	envelopeBytes = 5
	compressed    = 1 // of an envelope's flags
)

// refusal is a failure that comes before a call. Its HTTP status is for plain
// clients; streams and gRPC have the failure alone.
type refusal struct {
	err    error
	status int // 0: that of the failure's code
}

func (f *refusal) write(errors *connect.ErrorWriter, w http.ResponseWriter, r *http.Request) {
	_ = errors.Write(&statusWriter{w, f.status}, r, failure.Connect(f.err)) // the caller may have gone
}

// statusWriter replaces the status of an error.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if status != http.StatusOK && w.status != 0 {
		status = w.status
	}
	w.ResponseWriter.WriteHeader(status)
}

// form is how a request says what it is.
type form struct {
	method    protoreflect.MethodDescriptor
	json      bool
	enveloped bool
	foreign   bool // gRPC or gRPC-Web, whose bodies are the handler's
}

// admit takes a request in, checks it and returns its body, uncompressed. What
// Connect would refuse without a reason, or ignore without a word, is refused
// here.
func (h *publicHandler) admit(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	w.Header().Set("Cache-Control", "no-store")
	f, refused := formOf(w, r)
	if refused != nil {
		return nil, refused
	}
	if f.method.IsStreamingServer() {
		w.Header().Set("X-Accel-Buffering", "no") // nginx would keep it until it has ended
	}
	body, refused := h.readBody(w, r)
	if refused != nil || f.foreign {
		return body, refused
	}
	if err := checkHeaders(r.Header); err != nil {
		return nil, &refusal{err: err}
	}
	message, err := f.unpack(r, body, h.cfg.MaxRequestBytes)
	if err != nil {
		return nil, &refusal{err: err}
	}
	if err := f.check(w, r, message); err != nil {
		return nil, &refusal{err: err}
	}
	if f.enveloped {
		return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...), nil
	}
	return message, nil
}

var methods = matchmakerv1.File_tactus_matchmaker_v1_matchmaker_proto.Services().ByName("MatchmakerService").Methods()

func formOf(w http.ResponseWriter, r *http.Request) (form, *refusal) {
	f := form{method: methods.ByName(protoreflect.Name(strings.TrimPrefix(r.URL.Path, HandlerPath)))}
	if f.method == nil {
		return f, &refusal{failure.New(failure.UnknownMethod), http.StatusNotFound}
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return f, &refusal{failure.New(failure.HTTPMethodNotAllowed), http.StatusMethodNotAllowed}
	}
	media, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if strings.HasPrefix(media, "application/grpc") {
		f.foreign = true
		return f, nil
	}
	prefix := "application/"
	if f.enveloped = f.method.IsStreamingServer(); f.enveloped {
		prefix = "application/connect+"
	}
	f.json = media == prefix+"json"
	charset := strings.ToLower(parameters["charset"])
	if !f.json && media != prefix+"proto" || charset != "" && (charset != "utf-8" || !f.json) {
		w.Header().Set("Accept-Post", prefix+"json, "+prefix+"proto")
		return f, &refusal{failure.Newf(failure.UnsupportedMediaType, "%s takes the content types %[2]sjson, %[2]sproto and those of gRPC-Web",
			f.method.Name(), prefix).With("accept", prefix+"json"), http.StatusUnsupportedMediaType}
	}
	return f, nil
}

// readBody takes the whole request in, which no call of this service needs to
// stream: afterwards nobody can hold a handler by sending slowly.
func (h *publicHandler) readBody(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(h.cfg.RequestTimeout)) // not every ResponseWriter has deadlines
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(h.cfg.MaxRequestBytes+envelopeBytes)))
	var tooBig *http.MaxBytesError
	switch {
	case err == nil:
		// Only now: while the deadline stands, net/http does not wait for the
		// rest of a refused body either.
		_ = control.SetReadDeadline(time.Time{})
		return body, nil
	case errors.As(err, &tooBig):
		return nil, &refusal{tooLarge(h.cfg.MaxRequestBytes), http.StatusRequestEntityTooLarge}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &refusal{failure.New(failure.DeadlineExceeded), http.StatusRequestTimeout}
	}
	return nil, &refusal{failure.Newf(failure.MalformedRequest, "the request ends too soon"), http.StatusBadRequest}
}

// checkHeaders refuses what Connect would, and shortens a timeout that is longer
// than any that Connect takes: 10 digits.
func checkHeaders(h http.Header) error {
	const timeout, longest = "Connect-Timeout-Ms", "9999999999"
	if v := h.Get(generatedHeader); v != "" && v != "1" {
		return failure.Newf(failure.MalformedRequest, "%s is %.16q, it has to be 1", generatedHeader, v)
	}
	v := h.Get(timeout)
	switch {
	case strings.Trim(v, "0123456789") != "":
		return failure.Newf(failure.MalformedRequest, "%s is %.16q, it has to be a whole number of milliseconds", timeout, v)
	case len(v) > len(longest):
		h.Set(timeout, longest)
	}
	return nil
}

func tooLarge(most int) error {
	return failure.Newf(failure.RequestTooLarge, "the request is larger than the %d bytes that are taken here", most)
}

// unpack takes the message out of its envelope and decompresses it. The request
// says no more that it is compressed.
func (f form) unpack(r *http.Request, body []byte, most int) ([]byte, error) {
	header, packed := "Content-Encoding", len(body) > 0
	if f.enveloped {
		if len(body) < envelopeBytes || body[0]&^compressed != 0 || int64(binary.BigEndian.Uint32(body[1:])) != int64(len(body)-envelopeBytes) {
			return nil, failure.Newf(failure.MalformedRequest,
				"the request of a stream begins with five bytes: 0, then the length of the message in four, the highest first")
		}
		header, packed = "Connect-Content-Encoding", body[0]&compressed != 0
		body = body[envelopeBytes:]
	}
	encoding := r.Header.Get(header)
	if packed && encoding != "" && encoding != "identity" {
		if encoding != "gzip" {
			return nil, failure.Newf(failure.UnsupportedMediaType, "requests are taken as they are, or compressed by gzip").With("accept_encoding", "gzip")
		}
		unpacked, err := gunzip(body, most)
		if err != nil {
			return nil, err
		}
		body = unpacked
	}
	r.Header.Del(header)
	if len(body) > most {
		return nil, tooLarge(most)
	}
	return body, nil
}

func gunzip(packed []byte, most int) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err == nil {
		packed, err = io.ReadAll(io.LimitReader(reader, int64(most)+1))
	}
	if err != nil {
		return nil, failure.Newf(failure.MalformedRequest, "the request can't be decompressed: %v", err)
	}
	return packed, nil
}

// check refuses a message that can't be read. Unknown names are refused where a
// person wrote the request; generated code may be of a newer release, so that
// they are ignored and named in the answer.
func (f form) check(w http.ResponseWriter, r *http.Request, message []byte) error {
	input := f.method.Input()
	if !f.json {
		if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(message, dynamicpb.NewMessage(input)); err != nil {
			return failure.Newf(failure.MalformedRequest, "the request can't be read: %v", err)
		}
		return nil
	}
	unknown, err := jsonbody.Check(message, input)
	var field *jsonbody.FieldError
	var malformed *jsonbody.MalformedError
	switch {
	case errors.As(err, &field):
		return failure.Newf(failure.BadField, "%s", field.Error()).Field(field.Path, field.Want)
	case errors.As(err, &malformed):
		refused := failure.Newf(failure.MalformedRequest, "%s", malformed.Text)
		if malformed.Path != "" {
			refused = refused.Field(malformed.Path, "valid JSON")
		}
		return refused
	case len(unknown) == 0:
		return nil
	case r.Header.Get(generatedHeader) == "":
		return unknownFields(unknown)
	}
	w.Header().Set(ignoredHeader, ignoredNames(unknown))
	return nil
}

func unknownFields(unknown []jsonbody.Unknown) error {
	first, reason, what := unknown[0], failure.UnknownField, "field"
	if first.Value {
		reason, what = failure.BadField, "value"
	}
	hint := "there are: " + strings.Join(first.Known, ", ")
	if first.Nearest != "" {
		hint = "did you mean " + first.Nearest + "?"
	}
	refused := failure.Newf(reason, "%s has no %s %q; %s", first.Of, what, first.Path, hint)
	for _, u := range unknown {
		expected := "no such name"
		if u.Nearest != "" {
			expected = u.Nearest
		}
		refused = refused.Field(u.Path, expected)
	}
	return refused
}

// ignoredNames lists names in what a header may hold.
func ignoredNames(unknown []jsonbody.Unknown) string {
	names := make([]string, len(unknown))
	for i, u := range unknown {
		names[i] = strings.Map(func(r rune) rune {
			if r <= ' ' || r > '~' || r == ',' {
				return '?'
			}
			return r
		}, u.Path[:min(len(u.Path), maxShortString)])
	}
	return strings.Join(names, ", ")
}
