// Package api serves matchmaker.v1, the service for players: over native gRPC, and
// for browsers over Connect, gRPC-Web and JSON.
//
// It limits how often callers may ask, validates their requests, converts between
// the protocol and the packages below, and makes every error a failure with a
// reason. It decides nothing: package admission makes searches of requests, package
// routing reaches them, package privatematch runs rooms.
package api

import (
	"context"
	"time"

	"go.uber.org/zap"

	"tactus/internal/origin"
	"tactus/matchmaker/internal/admission"
	"tactus/matchmaker/internal/catalog"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/identity"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/metrics"
	"tactus/matchmaker/internal/moderation"
	"tactus/matchmaker/internal/party"
	"tactus/matchmaker/internal/privatematch"
	"tactus/matchmaker/internal/pseudonym"
	"tactus/matchmaker/internal/queuestats"
	"tactus/matchmaker/internal/ranking"
	"tactus/matchmaker/internal/room"
	"tactus/matchmaker/internal/routing"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Config configures a [Service]. All fields are needed but those with a zero value
// named.
type Config struct {
	// Ready returns the failure of a call that comes before the matchmaker runs, or
	// when it stops.
	Ready func() error

	Protocol       string // that players must speak
	SamePortServer string // game server on the port of the handler; empty: none
	MaxRooms       int    // of all replicas
	Limits         *Limits

	RequestTimeout  time.Duration // to send a request, and to answer all but watches
	MaxRequestBytes int
	WatchTimeout    time.Duration // of a watch with a client that does not read
	Origins         *origin.Policy

	Fleet   *fleet.Registry
	Catalog *catalog.Catalog
	Router  *routing.Router
	Stats   *queuestats.Exchange
	Metrics *metrics.Metrics
	Log     *zap.Logger
}

// Reporter stores what players report about others. Errors are failures.
type Reporter interface {
	Report(ctx context.Context, r moderation.Reported) error
}

// Parts are what works on the store, which is opened after the service is made.
type Parts struct {
	Identity   *identity.Verifier
	Admitter   *admission.Admitter
	Searches   *admission.Searches
	Ranking    *ranking.Ranking
	Parties    *party.Parties
	Rooms      *room.Rooms
	Host       *privatematch.Host
	Watchers   *membership.Watchers
	Bans       admission.Bans
	Reports    Reporter
	RoomCount  func() int // of all replicas
	Pseudonyms *pseudonym.Pseudonyms
	RoomCounter
}

// Service answers players. It is the one implementation behind native gRPC and the
// handler for browsers; its errors are gRPC statuses. It is safe for concurrent
// use.
type Service struct {
	matchmakerv1.UnimplementedMatchmakerServiceServer

	cfg    Config
	limits *Limits
	calls  *Interceptors

	reporting *reportLimits
	parts     Parts // set by Open
}

// New makes a service that answers when it is ready. [Service.Open] must be called
// before.
func New(cfg Config) *Service {
	return &Service{cfg: cfg, limits: cfg.Limits, calls: NewInterceptors(cfg.Log, cfg.RequestTimeout), reporting: newReportLimits()}
}

// Open gives the service what works on the store. It is called once, before Ready
// returns nil.
func (s *Service) Open(parts Parts) { s.parts = parts }
