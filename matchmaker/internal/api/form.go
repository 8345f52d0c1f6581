package api

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
	// generatedHeader is sent by generated clients and the SDK; requests that were
	// typed by hand have none.
	generatedHeader = "Connect-Protocol-Version"
	// envelopeBytes stand before each message of a stream: flags and length.
	envelopeBytes = 5
	compressed    = 1 // of an envelope's flags
)

// rejection is the failure of a request before any method is called. Its HTTP status
// is for plain clients; streams and gRPC have the failure alone.
type rejection struct {
	err    error
	status int // 0: that of the failure's code
}

func (j *rejection) write(errors *connect.ErrorWriter, w http.ResponseWriter, r *http.Request) {
	_ = errors.Write(&statusWriter{w, j.status}, r, failure.Connect(j.err)) // the caller may have gone
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

// form is the method and the encoding of a request.
type form struct {
	method    protoreflect.MethodDescriptor
	json      bool
	enveloped bool
	foreign   bool // gRPC or gRPC-Web: the handler reads their bodies
}

// readMessage reads a request, checks it and returns its body, uncompressed. It rejects
// with a reason what Connect would reject without one, or ignore.
func (h *publicHandler) readMessage(w http.ResponseWriter, r *http.Request) ([]byte, *rejection) {
	w.Header().Set("Cache-Control", "no-store")
	f, rejected := formOf(w, r)
	if rejected != nil {
		return nil, rejected
	}
	if f.method.IsStreamingServer() {
		w.Header().Set("X-Accel-Buffering", "no") // nginx would buffer the whole stream
	}
	body, rejected := h.readBody(w, r)
	if rejected != nil || f.foreign {
		return body, rejected
	}
	if err := checkHeaders(r.Header); err != nil {
		return nil, &rejection{err: err}
	}
	message, err := f.unpack(r, body, h.cfg.MaxRequestBytes)
	if err != nil {
		return nil, &rejection{err: err}
	}
	if err := f.check(w, r, message); err != nil {
		return nil, &rejection{err: err}
	}
	if f.enveloped {
		return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...), nil
	}
	return message, nil
}

var methods = matchmakerv1.File_tactus_matchmaker_v1_matchmaker_proto.Services().ByName("MatchmakerService").Methods()

func formOf(w http.ResponseWriter, r *http.Request) (form, *rejection) {
	f := form{method: methods.ByName(protoreflect.Name(strings.TrimPrefix(r.URL.Path, Path)))}
	if f.method == nil {
		return f, &rejection{failure.New(failure.UnknownMethod), http.StatusNotFound}
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return f, &rejection{failure.New(failure.HTTPMethodNotAllowed), http.StatusMethodNotAllowed}
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
		return f, &rejection{failure.Newf(failure.UnsupportedMediaType, "%s takes the content types %[2]sjson, %[2]sproto and those of gRPC-Web",
			f.method.Name(), prefix).With("accept", prefix+"json"), http.StatusUnsupportedMediaType}
	}
	return f, nil
}

// readBody reads the whole request. No method of this service has a stream of
// requests. A client that sends slowly can't block a handler afterwards.
func (h *publicHandler) readBody(w http.ResponseWriter, r *http.Request) ([]byte, *rejection) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(h.cfg.RequestTimeout)) // not every ResponseWriter has deadlines
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(h.cfg.MaxRequestBytes+envelopeBytes)))
	var tooBig *http.MaxBytesError
	switch {
	case err == nil:
		// Not for rejected bodies: with the deadline, net/http does not wait for the
		// rest of them.
		_ = control.SetReadDeadline(time.Time{})
		return body, nil
	case errors.As(err, &tooBig):
		return nil, &rejection{tooLarge(h.cfg.MaxRequestBytes), http.StatusRequestEntityTooLarge}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &rejection{failure.New(failure.DeadlineExceeded), http.StatusRequestTimeout}
	}
	return nil, &rejection{failure.Newf(failure.MalformedRequest, "the request ends too soon"), http.StatusBadRequest}
}

// checkHeaders rejects what Connect would reject, and shortens a timeout with more than
// the 10 digits that Connect accepts.
func checkHeaders(h http.Header) error {
	const timeout, longest = "Connect-Timeout-Ms", "9999999999"
	if v := h.Get(generatedHeader); v != "" && v != "1" {
		return failure.Newf(failure.MalformedRequest, "%s is %.16q, it must be 1", generatedHeader, v)
	}
	v := h.Get(timeout)
	switch {
	case strings.Trim(v, "0123456789") != "":
		return failure.Newf(failure.MalformedRequest, "%s is %.16q, it must be a whole number of milliseconds", timeout, v)
	case len(v) > len(longest):
		h.Set(timeout, longest)
	}
	return nil
}

func tooLarge(most int) error {
	return failure.Newf(failure.RequestTooLarge, "the request is larger than the allowed %d bytes", most)
}

// unpack returns the message without its envelope, decompressed, and removes the header
// that says that it is compressed.
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
			return nil, failure.Newf(failure.UnsupportedMediaType, "a request is sent as it is, or compressed by gzip").With("accept_encoding", "gzip")
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

// check rejects a message that can't be read. It rejects unknown names in requests that
// were typed by hand. Generated code may be of a newer release: its unknown names are
// ignored and listed in a header of the answer.
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
		rejected := failure.Newf(failure.MalformedRequest, "%s", malformed.Text)
		if malformed.Path != "" {
			rejected = rejected.Field(malformed.Path, "valid JSON")
		}
		return rejected
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
	rejected := failure.Newf(reason, "%s has no %s %q; %s", first.Of, what, first.Path, hint)
	for _, u := range unknown {
		expected := "no such name"
		if u.Nearest != "" {
			expected = u.Nearest
		}
		rejected = rejected.Field(u.Path, expected)
	}
	return rejected
}

// ignoredNames lists names in the characters that a header may have.
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
