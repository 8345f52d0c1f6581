package matchmaker_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	"tactus/matchmaker"
	"tactus/matchmaker/internal/failure"
)

// asked is a request as it is.
type asked struct {
	method string // of HTTP; default POST
	path   string // default CreateTicket
	media  string // default application/json
	header [2]string
	body   string
}

// answered is what came back, of an error with its details.
type answered struct {
	status int
	header http.Header
	code   string
	text   string
	reason failure.Reason
	fields []string
}

func (a asked) of(t *testing.T, server *httptest.Server) answered {
	t.Helper()
	def := func(v, usual string) string {
		if v == "" {
			return usual
		}
		return v
	}
	req, err := http.NewRequestWithContext(t.Context(), def(a.method, http.MethodPost),
		server.URL+matchmaker.HandlerPath+def(a.path, "CreateTicket"), strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", def(a.media, "application/json"))
	if a.header[0] != "" {
		req.Header.Set(a.header[0], a.header[1])
	}
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := answered{status: res.StatusCode, header: res.Header}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/connect+") {
		var end struct{ Error json.RawMessage }
		if err := json.Unmarshal(body[len(body)-int(body[4])-int(body[3])<<8:], &end); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		body = end.Error
	}
	out.read(t, body)
	return out
}

// read takes an error in Connect's JSON form apart.
func (a *answered) read(t *testing.T, body []byte) {
	t.Helper()
	var refused struct {
		Code, Message string
		Details       []struct{ Type, Value string }
	}
	if len(body) > 0 && json.Unmarshal(body, &refused) != nil {
		t.Fatalf("%d %q is no JSON", a.status, body)
	}
	a.code, a.text = refused.Code, refused.Message
	for _, d := range refused.Details {
		raw, err := base64.RawStdEncoding.DecodeString(d.Value)
		if err != nil {
			t.Fatal(err)
		}
		switch d.Type {
		case "google.rpc.ErrorInfo":
			info := new(errdetails.ErrorInfo)
			if err := proto.Unmarshal(raw, info); err != nil || info.GetDomain() != failure.Domain {
				t.Fatalf("%v %v", info, err)
			}
			a.reason = failure.Reason(info.GetReason())
		case "google.rpc.BadRequest":
			bad := new(errdetails.BadRequest)
			if err := proto.Unmarshal(raw, bad); err != nil {
				t.Fatal(err)
			}
			for _, v := range bad.GetFieldViolations() {
				a.fields = append(a.fields, v.GetField()+": "+v.GetDescription())
			}
		}
	}
}

func gzipped(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return out.String()
}

var generated = [2]string{"Connect-Protocol-Version", "1"}

func TestHandler_rejectsUnreadableRequestsWithAReason(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) { c.MaxRequestBytes = 2048 })
	w.server("s1", nil)
	server := w.public()
	big, zip := `{"playerName":"`+strings.Repeat("x", 4096)+`"}`, [2]string{"Content-Encoding", "gzip"}
	const stream = "application/connect+json"
	for name, tt := range map[string]struct {
		asked
		status int
		code   string
		reason failure.Reason
		fields []string
	}{
		"no JSON":         {asked{body: "{game"}, 400, "invalid_argument", failure.MalformedRequest, nil},
		"nothing":         {asked{}, 400, "invalid_argument", failure.MalformedRequest, nil},
		"an array":        {asked{body: "[]"}, 400, "invalid_argument", failure.MalformedRequest, nil},
		"NaN":             {asked{body: `{"latencyMs":{"eu":NaN}}`}, 400, "invalid_argument", failure.MalformedRequest, []string{"latency_ms[eu]: valid JSON"}},
		"no Protobuf":     {asked{media: "application/proto", body: "\xff"}, 400, "invalid_argument", failure.MalformedRequest, nil},
		"a wrong type":    {asked{body: `{"game":7}`}, 400, "invalid_argument", failure.BadField, []string{"game: a string"}},
		"out of range":    {asked{body: `{"latencyMs":{"eu":-1}}`}, 400, "invalid_argument", failure.BadField, []string{"latency_ms[eu]: a whole number from 0 to 4294967295"}},
		"unknown":         {asked{body: `{"gameVersion":"3","colour":1}`}, 400, "invalid_argument", failure.UnknownField, []string{"gameVersion: version", "colour: no such name"}},
		"unknown, utf-8":  {asked{media: "application/json; charset=UTF-8", body: `{"gameVersion":"3"}`}, 400, "invalid_argument", failure.UnknownField, []string{"gameVersion: version"}},
		"unknown, gzip":   {asked{header: zip, body: gzipped(`{"gameVersion":"3"}`)}, 400, "invalid_argument", failure.UnknownField, []string{"gameVersion: version"}},
		"no gzip":         {asked{header: zip, body: "{}"}, 400, "invalid_argument", failure.MalformedRequest, nil},
		"brotli":          {asked{header: [2]string{"Content-Encoding", "br"}, body: "{}"}, 400, "invalid_argument", failure.UnsupportedMediaType, nil},
		"no timeout":      {asked{header: [2]string{"Connect-Timeout-Ms", "-1"}, body: "{}"}, 400, "invalid_argument", failure.MalformedRequest, nil},
		"next Connect":    {asked{header: [2]string{"Connect-Protocol-Version", "2"}, body: "{}"}, 400, "invalid_argument", failure.MalformedRequest, nil},
		"too large":       {asked{body: big}, 413, "invalid_argument", failure.RequestTooLarge, nil},
		"too large, gzip": {asked{header: zip, body: gzipped(big)}, 400, "invalid_argument", failure.RequestTooLarge, nil},
		"no such method":  {asked{path: "CreateTickets", body: "{}"}, 404, "unimplemented", failure.UnknownMethod, nil},
		"by GET":          {asked{method: http.MethodGet}, 405, "unimplemented", failure.HTTPMethodNotAllowed, nil},
		"as text":         {asked{media: "text/plain", body: "{}"}, 415, "invalid_argument", failure.UnsupportedMediaType, nil},
		"in Latin-1":      {asked{media: "application/json; charset=iso-8859-1", body: "{}"}, 415, "invalid_argument", failure.UnsupportedMediaType, nil},
		"as a stream":     {asked{media: stream, body: string(envelope([]byte("{}")))}, 200, "invalid_argument", failure.UnsupportedMediaType, nil},
		"no stream":       {asked{path: "WatchTicket", body: "{}"}, 415, "invalid_argument", failure.UnsupportedMediaType, nil},
		"no envelope":     {asked{path: "WatchTicket", media: stream, body: `{"ticketId":"t"}`}, 200, "invalid_argument", failure.MalformedRequest, nil},
		"no envelope's end": {
			asked{path: "WatchTicket", media: stream, body: "\x00\x00\x00\x01\x00{}"}, 200, "invalid_argument", failure.MalformedRequest, nil,
		},
		"unknown, stream": {
			asked{path: "WatchTicket", media: stream, body: string(envelope([]byte(`{"ticket":"t"}`)))},
			200, "invalid_argument", failure.UnknownField,
			[]string{"ticket: ticketId"},
		},
		"unknown, compressed stream": {
			asked{
				path: "WatchTicket", media: stream, header: [2]string{"Connect-Content-Encoding", "gzip"},
				body: "\x01" + string(envelope([]byte(gzipped(`{"ticket":"t"}`)))[1:]),
			},
			200, "invalid_argument", failure.UnknownField,
			[]string{"ticket: ticketId"},
		},
		"ignored, stream": {
			asked{path: "WatchTicket", media: stream, header: generated, body: string(envelope([]byte(`{"ticket":"t"}`)))},
			200, "not_found", failure.TicketUnknown, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := tt.of(t, server)
			if got.status != tt.status || got.code != tt.code || got.reason != tt.reason || !slices.Equal(got.fields, tt.fields) || got.text == "" {
				t.Errorf("%+v", got)
			}
			if ignored := got.header.Get("Tactus-Ignored"); (ignored != "") != strings.HasPrefix(name, "ignored") {
				t.Errorf("ignored: %q", ignored)
			}
			if got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", got.header)
			}
		})
	}
}

func TestHandler_rejectsSlowRequestsWithAReason(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) { c.RequestTimeout = 50 * time.Millisecond })
	server := w.public()
	body, end := io.Pipe()
	defer end.Close()
	res, err := server.Client().Post(server.URL+matchmaker.HandlerPath+"ListGames", "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	got := answered{status: res.StatusCode}
	if got.read(t, text); got.status != http.StatusRequestTimeout || got.reason != failure.DeadlineExceeded {
		t.Errorf("%+v", got)
	}
}

// A page of the next release is served: what it has new is ignored, and named.
func TestHandler_ignoresNewFieldsOfGeneratedClients(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) { c.AllowedOrigins = []string{"*"} })
	w.server("s1", nil)
	server := w.public()
	for media, body := range map[string]string{
		"application/json":                `{"game":"arena","mood":{"a":[1]},"players":[{"hat,\n\u00e9":1}]}`,
		"application/json; charset=utf-8": `{"game":"arena","mood":null,"players":[{"hat,\n\u00e9":1}]}`,
	} {
		got := asked{media: media, header: generated, body: body}.of(t, server)
		if got.reason != failure.PlayersNotTrusted || got.header.Get("Tactus-Ignored") != "mood, players[0].hat???" {
			t.Errorf("%+v", got)
		}
	}
	got := asked{header: generated, body: `{"game":"arena"}`}.of(t, server)
	if got.status != http.StatusOK || got.header.Get("Tactus-Ignored") != "" {
		t.Errorf("%+v", got)
	}
	got = asked{header: [2]string{"Connect-Timeout-Ms", "92233720368547758070"}, body: `{"game":"arena"}`}.of(t, server)
	if got.status != http.StatusOK {
		t.Errorf("a timeout of ages: %+v", got)
	}
	got = asked{header: [2]string{"Origin", "https://play.example.com"}, body: `{}`}.of(t, server)
	if exposed := got.header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, "Tactus-Ignored") {
		t.Errorf("exposed: %s", exposed)
	}
}
