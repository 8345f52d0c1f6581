// Package port makes the gRPC server of the internal port, which game servers, back
// ends and other replicas call.
package port

import (
	"crypto/tls"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // clients may compress what they send
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
)

const (
	handshakeTimeout = 10 * time.Second
	maxMessageBytes  = 4 << 20 // a server with all its matches
)

// Config configures the server.
type Config struct {
	TLS              *tls.Config   // nil: plain text
	MaxConnectionAge time.Duration // after which a connection takes no new calls; below zero: never
}

// NewServer makes a server with the services that register adds, and with
// reflection.
func NewServer(cfg Config, register func(*grpc.Server), log *zap.Logger, options ...grpc.ServerOption) *grpc.Server {
	options = append(options,
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPingInterval, PermitWithoutStream: true}),
		grpc.KeepaliveParams(serverKeepalive(cfg.MaxConnectionAge)),
	)
	if cfg.TLS != nil {
		options = append(options, grpc.Creds(&loggedTLS{TransportCredentials: credentials.NewTLS(cfg.TLS), rejections: newRejections(log)}))
	}
	server := grpc.NewServer(options...)
	register(server)
	reflection.Register(server)
	return server
}
