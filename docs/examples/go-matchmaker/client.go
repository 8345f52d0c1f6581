package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // replicas that say NOT_SERVING get no calls
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// serviceConfig is gRPC's own way to say how calls are made
// (github.com/grpc/grpc/blob/master/doc/service_config.md): in turn over the
// replicas that are well, with a deadline, and again when a replica was away.
// CreateTicket may be repeated because it carries a request_id.
const serviceConfig = `{
  "loadBalancingConfig": [{"round_robin": {}}],
  "healthCheckConfig": {"serviceName": "tactus.matchmaker.v1.MatchmakerService"},
  "methodConfig": [{
    "name": [{"service": "tactus.matchmaker.v1.MatchmakerService"}],
    "timeout": "5s",
    "retryPolicy": {
      "maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }, {
    "name": [{"service": "tactus.matchmaker.v1.MatchmakerService", "method": "WatchTicket"}]
  }]
}`

type client struct {
	conn *grpc.ClientConn
	matchmakerv1.MatchmakerServiceClient
}

// dial connects to all replicas: a list of addresses, or a name whose DNS
// records are looked at again whenever a connection has ended.
func dial(addr string) (*client, error) {
	options := []grpc.DialOption{
		grpc.WithDefaultServiceConfig(serviceConfig),
		// With mutual TLS: credentials.NewTLS(&tls.Config{RootCAs: ..., Certificates: ...}).
		// With a token: grpc.WithPerRPCCredentials, metadata "authorization: Bearer ...".
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		// A replica that has vanished is noticed in 20 s. Pinging more often than
		// every 5 s is refused.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 15 * time.Second, Timeout: 5 * time.Second}),
	}
	if !strings.Contains(addr, ":///") {
		list := manual.NewBuilderWithScheme("replicas")
		state := resolver.State{}
		for one := range strings.SplitSeq(addr, ",") {
			state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: one}}})
		}
		list.InitialState(state)
		options = append(options, grpc.WithResolvers(list))
		addr = "replicas:///"
	}
	conn, err := grpc.NewClient(addr, options...)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, MatchmakerServiceClient: matchmakerv1.NewMatchmakerServiceClient(conn)}, nil
}

func (c *client) close() { _ = c.conn.Close() }

// search opens the party's ticket and returns the one of each player. What the
// matchmaker refuses for the moment only is tried again when it says.
func (c *client) search(ctx context.Context, request *matchmakerv1.CreateTicketRequest) ([]string, error) {
	request.RequestId = rand.Text()
	for {
		created, err := c.CreateTicket(ctx, request)
		if err == nil {
			if members := created.GetMemberTickets(); len(members) == len(request.GetPlayers()) {
				return members, nil
			}
			return nil, errors.New("the matchmaker did not answer with one ticket per player")
		}
		after := retryAfter(err)
		if after == 0 {
			return nil, err
		}
		select {
		case <-time.After(after):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// wait watches a ticket to its end. When the replica that it is watched at goes
// away, another one goes on: it has to be asked within 5 s.
func (c *client) wait(ctx context.Context, ticket string) (*matchmakerv1.WatchTicketResponse, error) {
	for {
		last, err := c.watch(ctx, ticket)
		switch {
		case err == nil:
			return last, nil
		case ctx.Err() != nil || status.Code(err) != codes.Unavailable:
			return nil, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *client) watch(ctx context.Context, ticket string) (*matchmakerv1.WatchTicketResponse, error) {
	stream, err := c.WatchTicket(ctx, &matchmakerv1.WatchTicketRequest{TicketId: ticket})
	if err != nil {
		return nil, err
	}
	for {
		update, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			err = status.Error(codes.Unavailable, "the stream ended before the search")
		}
		if err != nil {
			return nil, err
		}
		switch update.GetState() {
		case matchmakerv1.WatchTicketResponse_STATE_ASSIGNED, matchmakerv1.WatchTicketResponse_STATE_ENDED:
			return update, nil
		case matchmakerv1.WatchTicketResponse_STATE_PROPOSED:
			if err := c.accept(ctx, ticket, update.GetProposal()); err != nil {
				return nil, err
			}
		default: // searching
		}
	}
}

// accept says yes for the player. A real back end would ask.
func (c *client) accept(ctx context.Context, ticket string, proposal *matchmakerv1.MatchProposal) error {
	if proposal.GetAcceptedByYou() {
		return nil
	}
	_, err := c.AcceptMatch(ctx, &matchmakerv1.AcceptMatchRequest{TicketId: ticket, MatchId: proposal.GetMatchId(), Accept: true})
	if status.Code(err) == codes.FailedPrecondition {
		return nil // somebody else has declined meanwhile; the search goes on
	}
	return err
}

// retryAfter is how long to wait before trying again, 0 if that is no use.
func retryAfter(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			return retry.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// explain is an error with its reason, by which programs go.
func explain(err error) string {
	s := status.Convert(err)
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return fmt.Sprintf("%s (%s): %s", s.Code(), info.GetReason(), s.Message())
		}
	}
	return fmt.Sprintf("%s: %s", s.Code(), s.Message())
}
