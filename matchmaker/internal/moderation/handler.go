package moderation

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/zap"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"tactus/matchmaker/internal/failure"
	"tactus/protocol/rpc/tactus/admin/v1/adminv1connect"
)

const (
	// Path is the path of [NewHandler], which it must see in requests.
	Path            = "/" + adminv1connect.AdminServiceName + "/"
	requestTimeout  = 10 * time.Second
	maxRequestBytes = 16 << 10
)

// NewHandler serves admin.v1 by Connect, binary and JSON, for the admin port. A field
// that is not known is refused: an operator has written it.
func NewHandler(s *Service, log *zap.Logger) http.Handler {
	mux := http.NewServeMux()
	h := &routes{mux: mux, log: log}
	route(h, adminv1connect.AdminServiceGetPlayerProcedure, s.GetPlayer)
	route(h, adminv1connect.AdminServiceKickPlayerProcedure, s.KickPlayer)
	route(h, adminv1connect.AdminServiceCreateBanProcedure, s.CreateBan)
	route(h, adminv1connect.AdminServiceLiftBanProcedure, s.LiftBan)
	route(h, adminv1connect.AdminServiceListBansProcedure, s.ListBans)
	route(h, adminv1connect.AdminServiceEndMatchProcedure, s.EndMatch)
	route(h, adminv1connect.AdminServiceSendNoticeProcedure, s.SendNotice)
	route(h, adminv1connect.AdminServiceDrainServerProcedure, s.DrainServer)
	route(h, adminv1connect.AdminServiceListMatchesProcedure, s.ListMatches)
	route(h, adminv1connect.AdminServiceGetMatchProcedure, s.GetMatch)
	route(h, adminv1connect.AdminServiceListReportsProcedure, s.ListReports)
	route(h, adminv1connect.AdminServiceCloseReportProcedure, s.CloseReport)
	route(h, adminv1connect.AdminServiceDeletePlayerProcedure, s.DeletePlayer)
	route(h, adminv1connect.AdminServiceExportPlayerProcedure, s.ExportPlayer)
	route(h, adminv1connect.AdminServiceListAuditProcedure, s.ListAudit)
	return mux
}

type routes struct {
	mux *http.ServeMux
	log *zap.Logger
}

// route adds the handler of a procedure.
func route[Req, Res any](h *routes, procedure string, call func(context.Context, *Req) (*Res, error)) {
	h.mux.Handle(procedure, connect.NewUnaryHandler(procedure,
		func(ctx context.Context, req *connect.Request[Req]) (*connect.Response[Res], error) {
			ctx, cancel := context.WithTimeout(ctx, requestTimeout)
			defer cancel()
			res, err := call(ctx, req.Msg)
			if err != nil {
				h.log.Debug("admin call rejected", zap.String("procedure", procedure), zap.Error(err))
				return nil, failure.Connect(err)
			}
			return connect.NewResponse(res), nil
		},
		connect.WithReadMaxBytes(maxRequestBytes), connect.WithCodec(strictJSON{"json"}), connect.WithCodec(strictJSON{"json; charset=utf-8"}),
		connect.WithRecover(func(_ context.Context, _ connect.Spec, _ http.Header, p any) error {
			h.log.Error("admin call panicked", zap.String("procedure", procedure), zap.Any("panic", p), zap.Stack("stack"))
			return failure.Connect(failure.New(failure.Internal))
		}),
	))
}

// strictJSON is the codec for JSON under a name. Unlike that of Connect it refuses
// unknown fields.
type strictJSON struct{ name string }

// Name implements [connect.Codec].
func (c strictJSON) Name() string { return c.name }

// Marshal implements [connect.Codec].
func (strictJSON) Marshal(v any) ([]byte, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no message", v)
	}
	return protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(m)
}

// Unmarshal implements [connect.Codec]. No body is an empty message.
func (strictJSON) Unmarshal(data []byte, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no message", v)
	}
	if len(data) == 0 {
		return nil
	}
	return protojson.Unmarshal(data, m)
}
