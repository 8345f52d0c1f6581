package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/cors"

	"tactus/internal/origin"
	"tactus/internal/publicport"
	"tactus/matchmaker/internal/failure"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

// Path is the path of [Service.Handler].
const Path = "/" + matchmakerv1connect.MatchmakerServiceName + "/"

// Handler serves matchmaker.v1 by Connect (binary and JSON), gRPC-Web and gRPC, under
// [Path], which it must see in requests.
func (s *Service) Handler() http.Handler {
	_, handler := matchmakerv1connect.NewMatchmakerServiceHandler(connectService{s},
		connect.WithReadMaxBytes(s.cfg.MaxRequestBytes),
		connect.WithInterceptors(publicIDs{s}),
		connect.WithRecover(func(_ context.Context, spec connect.Spec, _ http.Header, p any) error {
			return failure.Connect(s.calls.panicked(spec.Procedure, p))
		}),
	)
	return &publicHandler{cfg: &s.cfg, next: handler, errors: connect.NewErrorWriter(), foreign: origin.NewRefusals(s.cfg.Log, "--origin of the matchmaker")}
}

// publicHandler guards the RPC handlers: which origins may call, how much may be
// sent, and for how long.
type publicHandler struct {
	cfg    *Config
	next   http.Handler
	errors *connect.ErrorWriter

	foreign *origin.Refusals // logs pages that may not call
}

// exposedHeaders are those of an answer that pages of other origins may read.
var exposedHeaders = strings.Join(append(cors.ExposedHeaders(), ignoredHeader, "Retry-After"), ", ")

func (h *publicHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Origin")
	switch from := r.Header.Get("Origin"); {
	case from == "":
	case h.cfg.Origins.Allows(from, r.Host):
		w.Header().Set("Access-Control-Allow-Origin", from)
		w.Header().Set("Access-Control-Expose-Headers", exposedHeaders)
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Methods", strings.Join(cors.AllowedMethods(), ", "))
			w.Header().Set("Access-Control-Allow-Headers", strings.Join(cors.AllowedHeaders(), ", "))
			w.Header().Set("Access-Control-Max-Age", "7200")
			w.WriteHeader(http.StatusNoContent)
			return
		}
	case !origin.SameHost(from, r.Host):
		h.foreign.Log(r)
	}
	body, rejected := h.readMessage(w, r)
	if rejected != nil {
		rejected.write(h.errors, w, r)
		return
	}
	control := http.NewResponseController(w)
	if control.SetWriteDeadline(time.Now().Add(h.cfg.WatchTimeout)) == nil {
		defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	}
	ctx := context.WithValue(r.Context(), publicKey{}, true)
	if _, ok := publicport.ClientOf(ctx); !ok { // served by an HTTP server of the program's own
		ctx = publicport.WithClient(ctx, publicport.ClientAt(r.RemoteAddr))
	}
	if err := h.allow(ctx, strings.TrimPrefix(r.URL.Path, Path)); err != nil {
		(&rejection{err: err}).write(h.errors, w, r)
		return
	}
	if in, ok := entranceOf(r); ok {
		ctx = context.WithValue(ctx, entranceKey{}, in)
	}
	r = r.WithContext(ctx)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	h.next.ServeHTTP(w, r)
}

// allow waits until the client may call the method. [Limits.Code] limits codes.
func (h *publicHandler) allow(ctx context.Context, method string) error {
	switch method {
	case "CreateTicket", "CreateParty", "CreateRoom", "SetRoom", "SetReady", "StartRoom":
		return h.cfg.Limits.ticket(ctx)
	case "WatchTicket", "WatchParty", "WatchRoom":
		return h.cfg.Limits.watch(ctx)
	case "JoinParty", "JoinRoom":
		return nil
	}
	return h.cfg.Limits.read(ctx)
}

type publicKey struct{}

// isPublic reports whether a call came by the public port.
func isPublic(ctx context.Context) bool { return ctx.Value(publicKey{}) != nil }
