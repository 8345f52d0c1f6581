package matchmaker

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/cors"
	"google.golang.org/grpc/peer"

	"tactus/internal/origin"
	"tactus/matchmaker/internal/failure"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

// HandlerPath is the path under which [Matchmaker.Handler] has to be mounted,
// unstripped.
const HandlerPath = "/" + matchmakerv1connect.MatchmakerServiceName + "/"

// Handler serves matchmaker.v1 by Connect (binary and JSON), gRPC-Web and gRPC,
// under [HandlerPath].
func (m *Matchmaker) Handler() http.Handler {
	_, handler := matchmakerv1connect.NewMatchmakerServiceHandler(browserService{m.service},
		connect.WithReadMaxBytes(m.cfg.MaxRequestBytes),
		connect.WithRecover(func(_ context.Context, spec connect.Spec, _ http.Header, p any) error {
			return failure.Connect(m.panicked(spec.Procedure, p))
		}),
	)
	return &publicHandler{cfg: &m.cfg, origins: m.origins, next: handler, errors: connect.NewErrorWriter()}
}

// publicHandler guards the RPC handlers: who may call from where, how much may
// be sent, and for how long.
type publicHandler struct {
	cfg     *Config
	origins *origin.Policy
	next    http.Handler
	errors  *connect.ErrorWriter
}

// exposedHeaders are what pages of other origins may read of an answer.
var exposedHeaders = strings.Join(append(cors.ExposedHeaders(), ignoredHeader, "Retry-After"), ", ")

func (h *publicHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Origin")
	if from := r.Header.Get("Origin"); from != "" && h.origins.Allows(from, r.Host) {
		w.Header().Set("Access-Control-Allow-Origin", from)
		w.Header().Set("Access-Control-Expose-Headers", exposedHeaders)
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Methods", strings.Join(cors.AllowedMethods(), ", "))
			w.Header().Set("Access-Control-Allow-Headers", strings.Join(cors.AllowedHeaders(), ", "))
			w.Header().Set("Access-Control-Max-Age", "7200")
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	body, refused := h.admit(w, r)
	if refused != nil {
		refused.write(h.errors, w, r)
		return
	}
	// A watcher that does not read is let go with its ticket's end.
	control := http.NewResponseController(w)
	if control.SetWriteDeadline(time.Now().Add(h.cfg.TicketExpiry+h.cfg.RequestTimeout)) == nil {
		defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	}
	ctx := context.WithValue(r.Context(), addressKey{}, h.address(r)) // also says that this is the public port
	if in, ok := entranceOf(r); ok {
		ctx = context.WithValue(ctx, entranceKey{}, in)
	}
	r = r.WithContext(ctx)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	h.next.ServeHTTP(w, r)
}

// address is the client's as far as the proxies in front can be trusted.
func (h *publicHandler) address(r *http.Request) string {
	if h.cfg.ForwardedHops > 0 {
		chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if at := len(chain) - h.cfg.ForwardedHops; at >= 0 && chain[at] != "" {
			return strings.TrimSpace(chain[at])
		}
	}
	return r.RemoteAddr
}

type addressKey struct{}

// clientAddress is where a call comes from, by either road.
func clientAddress(ctx context.Context) string {
	if address, ok := ctx.Value(addressKey{}).(string); ok {
		return address
	}
	if p, ok := peer.FromContext(ctx); ok {
		return p.Addr.String()
	}
	return ""
}

// isPublic reports whether a call came by the public port.
func isPublic(ctx context.Context) bool {
	_, public := ctx.Value(addressKey{}).(string)
	return public
}

// browserService gives Connect's handlers the service that gRPC has.
type browserService struct{ *service }

var _ matchmakerv1connect.MatchmakerServiceHandler = browserService{}

func unary[Req, Res any](ctx context.Context, s *service, req *connect.Request[Req], call func(context.Context, *Req) (*Res, error)) (*connect.Response[Res], error) {
	ctx, cancel := context.WithTimeout(ctx, s.mm.cfg.RequestTimeout)
	defer cancel()
	res, err := call(ctx, req.Msg)
	if err != nil {
		return nil, failure.Connect(s.mm.told(req.Spec().Procedure, err))
	}
	return connect.NewResponse(res), nil
}

func (b browserService) CreateTicket(ctx context.Context, req *connect.Request[matchmakerv1.CreateTicketRequest]) (*connect.Response[matchmakerv1.CreateTicketResponse], error) {
	return unary(ctx, b.service, req, b.service.CreateTicket)
}

func (b browserService) WatchTicket(ctx context.Context, req *connect.Request[matchmakerv1.WatchTicketRequest], stream *connect.ServerStream[matchmakerv1.WatchTicketResponse]) error {
	if err := b.watch(ctx, req.Msg.GetTicketId(), stream.Send); err != nil {
		return failure.Connect(b.mm.told(req.Spec().Procedure, err))
	}
	return nil
}

func (b browserService) GetTicket(ctx context.Context, req *connect.Request[matchmakerv1.GetTicketRequest]) (*connect.Response[matchmakerv1.GetTicketResponse], error) {
	return unary(ctx, b.service, req, b.service.GetTicket)
}

func (b browserService) CancelTicket(ctx context.Context, req *connect.Request[matchmakerv1.CancelTicketRequest]) (*connect.Response[matchmakerv1.CancelTicketResponse], error) {
	return unary(ctx, b.service, req, b.service.CancelTicket)
}

func (b browserService) CreateRoom(ctx context.Context, req *connect.Request[matchmakerv1.CreateRoomRequest]) (*connect.Response[matchmakerv1.CreateRoomResponse], error) {
	return unary(ctx, b.service, req, b.service.CreateRoom)
}

func (b browserService) ListMatches(ctx context.Context, req *connect.Request[matchmakerv1.ListMatchesRequest]) (*connect.Response[matchmakerv1.ListMatchesResponse], error) {
	return unary(ctx, b.service, req, b.service.ListMatches)
}

func (b browserService) ListGames(ctx context.Context, req *connect.Request[matchmakerv1.ListGamesRequest]) (*connect.Response[matchmakerv1.ListGamesResponse], error) {
	return unary(ctx, b.service, req, b.service.ListGames)
}

func (b browserService) AcceptMatch(ctx context.Context, req *connect.Request[matchmakerv1.AcceptMatchRequest]) (*connect.Response[matchmakerv1.AcceptMatchResponse], error) {
	return unary(ctx, b.service, req, b.service.AcceptMatch)
}

func (b browserService) CreateParty(ctx context.Context, req *connect.Request[matchmakerv1.CreatePartyRequest]) (*connect.Response[matchmakerv1.CreatePartyResponse], error) {
	return unary(ctx, b.service, req, b.service.CreateParty)
}

func (b browserService) JoinParty(ctx context.Context, req *connect.Request[matchmakerv1.JoinPartyRequest]) (*connect.Response[matchmakerv1.JoinPartyResponse], error) {
	return unary(ctx, b.service, req, b.service.JoinParty)
}

func (b browserService) GetParty(ctx context.Context, req *connect.Request[matchmakerv1.GetPartyRequest]) (*connect.Response[matchmakerv1.GetPartyResponse], error) {
	return unary(ctx, b.service, req, b.service.GetParty)
}

func (b browserService) LeaveParty(ctx context.Context, req *connect.Request[matchmakerv1.LeavePartyRequest]) (*connect.Response[matchmakerv1.LeavePartyResponse], error) {
	return unary(ctx, b.service, req, b.service.LeaveParty)
}

func (b browserService) ListQueues(ctx context.Context, req *connect.Request[matchmakerv1.ListQueuesRequest]) (*connect.Response[matchmakerv1.ListQueuesResponse], error) {
	return unary(ctx, b.service, req, b.service.ListQueues)
}

func (b browserService) GetRating(ctx context.Context, req *connect.Request[matchmakerv1.GetRatingRequest]) (*connect.Response[matchmakerv1.GetRatingResponse], error) {
	return unary(ctx, b.service, req, b.service.GetRating)
}

func (b browserService) ListLeaderboard(ctx context.Context, req *connect.Request[matchmakerv1.ListLeaderboardRequest]) (*connect.Response[matchmakerv1.ListLeaderboardResponse], error) {
	return unary(ctx, b.service, req, b.service.ListLeaderboard)
}

func (b browserService) ListHistory(ctx context.Context, req *connect.Request[matchmakerv1.ListHistoryRequest]) (*connect.Response[matchmakerv1.ListHistoryResponse], error) {
	return unary(ctx, b.service, req, b.service.ListHistory)
}

func (b browserService) WatchParty(ctx context.Context, req *connect.Request[matchmakerv1.WatchPartyRequest], stream *connect.ServerStream[matchmakerv1.WatchPartyResponse]) error {
	if err := b.watchParty(ctx, req.Msg.GetMemberId(), stream.Send); err != nil {
		return failure.Connect(b.mm.told(req.Spec().Procedure, err))
	}
	return nil
}
