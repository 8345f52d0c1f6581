package fleet

import (
	"strings"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/protocol/rpc/refusal"
)

// absenceEvery is the interval at which the absence of all matchmakers is logged.
const absenceEvery = time.Hour

// The id of this server is another process's: the event, and how often it is logged.
const (
	idInUseEvent = "server id is in use by another process; trying again"
	idInUseEvery = time.Minute
)

// failure is a cause of failed connections: the log's event, and a hint.
type failure struct{ event, hint string }

// failureOf classifies the error of an attempt to connect.
func failureOf(err error) failure {
	if reason, _ := refusal.Of(err); reason == refusal.ServerIDInUse {
		return failure{idInUseEvent, "give each game server an --id of its own; this one waits until the other is gone"}
	}
	text := errorText(err)
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(text, part) {
				return true
			}
		}
		return false
	}
	switch code := status.Code(err); {
	case has("name resolver error", "produced zero addresses", "no such host", "server misbehaving"):
		return failure{"matchmaker address does not resolve; trying again", "is the name right, and known to this machine's DNS?"}
	case has("first record does not look like a TLS handshake"):
		return failure{"TLS to the matchmaker fails; trying again", "it speaks plain text: start it with --internal-tls-cert and -key, or this server without --matchmaker-ca"}
	case has("authentication handshake failed", "tls: ", "x509: "):
		return failure{"TLS to the matchmaker fails; trying again", "compare --matchmaker-ca, -cert and -key with the matchmaker's --internal-tls-*; its log says whom it refused"}
	case has("error reading server preface", "frame too large", "malformed HTTP"):
		return failure{"matchmaker does not speak plain gRPC; trying again", "if its internal port has TLS, this server needs --matchmaker-ca"}
	case code == codes.Unimplemented, has("unexpected HTTP status code", "unexpected content-type"):
		return failure{"address is not the internal port of a matchmaker; trying again", "--matchmaker names the internal port (8090 by default), not the public one"}
	case code == codes.Unauthenticated:
		return failure{"matchmaker does not know this server; trying again", "it wants a certificate (--matchmaker-cert, -key) or a token of its --internal-token-file (--matchmaker-token-file)"}
	case code == codes.PermissionDenied:
		return failure{"matchmaker refuses this server's role; trying again", "its certificate or token must be that of a game server, and of this --id if it names one"}
	case code == codes.InvalidArgument, code == codes.FailedPrecondition:
		return failure{"matchmaker refuses this server; trying again", "the reason is the matchmaker's"}
	}
	return failure{"matchmaker is away; matches go on, trying again", ""}
}

// logFailure logs a failed attempt unless the last one failed for the same cause.
func (l *link) logFailure(err error, welcome bool) {
	t, now := failureOf(err), l.client.cfg.now()
	repeated := !welcome && t.event == l.loggedEvent
	if repeated && (t.event != idInUseEvent || now.Sub(l.loggedAt) < idInUseEvery) {
		return
	}
	l.loggedEvent, l.loggedAt = t.event, now
	fields := []zap.Field{zap.String("addr", l.addr), zap.String("why", errorText(err))}
	if _, other := refusal.Of(err); other != nil {
		fields = append(fields, zap.String("other", other["address"]), zap.String("other_url", other["url"]), zap.String("other_age", other["age"]))
	}
	if t.hint != "" {
		fields = append(fields, zap.String("hint", t.hint))
	}
	l.client.log.Warn(t.event, fields...)
}

// logAbsence logs every absenceEvery that no matchmaker has registered this server.
func (c *Client) logAbsence(err error) {
	c.mu.Lock()
	absentSince := c.cfg.now().Sub(c.absentSince)
	due := len(c.registrations) == 0 && absentSince >= absenceEvery*time.Duration(c.hoursLogged+1)
	if due {
		c.hoursLogged = int(absentSince / absenceEvery)
	}
	c.mu.Unlock()
	if due {
		c.log.Error("no matchmaker for an hour or longer; this server gets no players",
			zap.Duration("for", absentSince.Truncate(time.Second)), zap.Strings("addrs", c.cfg.Addrs), zap.String("why", errorText(err)))
	}
}
