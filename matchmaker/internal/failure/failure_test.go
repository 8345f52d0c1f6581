package failure

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// declared reads the constants of reasons.go, so that none can be left out of
// the list.
func declared(t *testing.T) map[Reason]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "reasons.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	reasons := make(map[Reason]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if of, ok := spec.Type.(*ast.Ident); ok && of.Name == "Reason" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			reasons[Reason(text)] = true
		}
		return true
	})
	return reasons
}

func TestAll_listsEveryReasonOnce(t *testing.T) {
	missing := declared(t)
	if len(missing) < 30 {
		t.Fatalf("only %d reasons found in the source", len(missing))
	}
	form := regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$`) // as ErrorInfo asks for
	for _, k := range All() {
		if !missing[k.Reason] {
			t.Errorf("%s is listed twice or has no constant", k.Reason)
		}
		delete(missing, k.Reason)
		if !form.MatchString(string(k.Reason)) {
			t.Errorf("%s is not UPPER_SNAKE_CASE of at most 63", k.Reason)
		}
		if k.Message == "" || len(k.Message) > maxMessage || strings.HasSuffix(k.Message, ".") {
			t.Errorf("%s: %q is not a message like the others", k.Reason, k.Message)
		}
		if k.Reason.Kind() != k {
			t.Errorf("%s is found as %+v", k.Reason, k.Reason.Kind())
		}
	}
	if len(missing) != 0 {
		t.Errorf("not listed: %v", missing)
	}
}

func TestKind_temporaryFailuresHaveARetryTime(t *testing.T) {
	for _, k := range All() {
		passes := k.Code == codes.ResourceExhausted || k.Code == codes.Unavailable
		if passes && k.Retry <= 0 {
			t.Errorf("%s is %s and does not say when to try again", k.Reason, k.Code)
		}
		if k.Code == codes.InvalidArgument && k.Retry != 0 {
			t.Errorf("%s is %s: trying again won't help", k.Reason, k.Code)
		}
	}
}

// sent is the error as it arrives at a gRPC client.
func sent(t *testing.T, err error) *status.Status {
	t.Helper()
	wire, merr := proto.Marshal(Status(err).Proto())
	if merr != nil {
		t.Fatalf("can't be sent: %v", merr)
	}
	arrived := Status(err).Proto()
	proto.Reset(arrived)
	if err := proto.Unmarshal(wire, arrived); err != nil {
		t.Fatal(err)
	}
	return status.FromProto(arrived)
}

func detail[T any](t *testing.T, s *status.Status) (found T) {
	t.Helper()
	for _, d := range s.Details() {
		if found, ok := d.(T); ok {
			return found
		}
	}
	t.Fatalf("no %T in %v", found, s.Details())
	return found
}

func TestError_arrivesWithItsDetails(t *testing.T) {
	s := sent(t, Newf(UnknownQueue, "there is no queue %q", "ranked").
		With("queues", "arena/ffa, arena/duel").Field("queue", "one of arena/ffa, arena/duel"))
	if s.Code() != codes.InvalidArgument || s.Message() != `there is no queue "ranked"` {
		t.Errorf("%v", s)
	}
	info := detail[*errdetails.ErrorInfo](t, s)
	if info.GetReason() != "UNKNOWN_QUEUE" || info.GetDomain() != "tactus" || info.GetMetadata()["queues"] != "arena/ffa, arena/duel" {
		t.Errorf("%v", info)
	}
	field := detail[*errdetails.BadRequest](t, s).GetFieldViolations()
	if len(field) != 1 || field[0].GetField() != "queue" || field[0].GetReason() != "UNKNOWN_QUEUE" {
		t.Errorf("%v", field)
	}
	if reason, ok := ReasonOf(s.Err()); !ok || reason != UnknownQueue {
		t.Errorf("reason %s %v", reason, ok)
	}
}

func TestError_retryAfterReplacesTheReasonsTime(t *testing.T) {
	usual := detail[*errdetails.RetryInfo](t, sent(t, New(NoServer)))
	if got := usual.GetRetryDelay().AsDuration(); got != NoServer.Kind().Retry {
		t.Errorf("retry after %s", got)
	}
	changed := detail[*errdetails.RetryInfo](t, sent(t, New(TooManyRooms).RetryAfter(90*time.Second)))
	if got := changed.GetRetryDelay().AsDuration(); got != 90*time.Second {
		t.Errorf("retry after %s", got)
	}
	for _, d := range sent(t, New(BadName)).Details() {
		if _, ok := d.(*errdetails.RetryInfo); ok {
			t.Error("a bad name says to try again")
		}
	}
}

// What a player sent may be quoted: it must neither break nor blow up the
// answer.
func TestError_boundsHostileText(t *testing.T) {
	hostile := strings.Repeat("\xff\x00é", 5000)
	e := Newf(BadField, "%s", hostile)
	for range 1000 {
		e = e.Field(hostile, hostile)
	}
	for i := range 1000 {
		e = e.With(fmt.Sprint(i), hostile)
	}
	s := sent(t, e)
	if !utf8.ValidString(s.Message()) || len(s.Message()) > maxMessage {
		t.Errorf("message of %d bytes", len(s.Message()))
	}
	if size := proto.Size(s.Proto()); size > 8<<10 {
		t.Errorf("the status has %d bytes, in base64 more than clients take as headers", size)
	}
	if detail[*errdetails.ErrorInfo](t, s).GetReason() != "BAD_FIELD" {
		t.Error("details were lost")
	}
}

func TestStatus_hidesTextOfOtherErrors(t *testing.T) {
	secret := errors.New("dial tcp 10.0.0.7:4222: connection refused")
	for name, tt := range map[string]struct {
		err  error
		code codes.Code
		text string
	}{
		"a status":        {status.Error(codes.Aborted, "newer stream"), codes.Aborted, "newer stream"},
		"deadline":        {fmt.Errorf("reserve: %w", context.DeadlineExceeded), codes.DeadlineExceeded, "the call took longer than its deadline"},
		"cancelled":       {context.Canceled, codes.Canceled, "the caller has cancelled the call"},
		"anything else":   {secret, codes.Internal, "internal error"},
		"with a cause":    {New(StoreUnavailable).Because(secret), codes.Unavailable, StoreUnavailable.Kind().Message},
		"wrapped failure": {fmt.Errorf("party p-1: %w", New(PartyFull)), codes.FailedPrecondition, "the party is full"},
		"unlisted reason": {New("MADE_UP"), codes.Internal, "internal error"},
	} {
		if s := Status(tt.err); s.Code() != tt.code || s.Message() != tt.text {
			t.Errorf("%s: %s %q, want %s %q", name, s.Code(), s.Message(), tt.code, tt.text)
		}
	}
	if Status(nil) != nil || Connect(nil) != nil {
		t.Error("no error has become one")
	}
}

func TestError_isComparedByReasonAndKeepsItsCause(t *testing.T) {
	cause := errors.New("wrong last sequence")
	err := fmt.Errorf("put: %w", New(StoreUnavailable).Because(cause))
	if !errors.Is(err, New(StoreUnavailable)) || errors.Is(err, New(Stopping)) || !errors.Is(err, cause) {
		t.Error("errors.Is does not tell them apart")
	}
	if text := err.Error(); !strings.Contains(text, "STORE_UNAVAILABLE") || !strings.Contains(text, "wrong last sequence") {
		t.Errorf("the log would not say why: %s", text)
	}
	if _, ok := ReasonOf(cause); ok {
		t.Error("a plain error has a reason")
	}
}

func TestConnect_keepsDetails(t *testing.T) {
	const path = "/test.v1.Test/Ask"
	handler := connect.NewUnaryHandler(path, func(context.Context, *connect.Request[emptypb.Empty]) (*connect.Response[emptypb.Empty], error) {
		return nil, Connect(New(TooManyFromAddress).RetryAfter(1500 * time.Millisecond))
	})
	mux := http.NewServeMux()
	mux.Handle(path, handler)
	server := httptest.NewServer(mux)
	defer server.Close()
	client := connect.NewClient[emptypb.Empty, emptypb.Empty](server.Client(), server.URL+path)
	_, err := client.CallUnary(context.Background(), connect.NewRequest(&emptypb.Empty{}))
	var refused *connect.Error
	if !errors.As(err, &refused) || refused.Code() != connect.CodeResourceExhausted {
		t.Fatalf("%v", err)
	}
	if refused.Message() != TooManyFromAddress.Kind().Message {
		t.Errorf("message %q", refused.Message())
	}
	if got := refused.Meta().Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After %q, want whole seconds, rounded up", got)
	}
	var reason string
	var delay time.Duration
	for _, d := range refused.Details() {
		value, err := d.Value()
		if err != nil {
			t.Fatal(err)
		}
		switch value := value.(type) {
		case *errdetails.ErrorInfo:
			reason = value.GetReason()
		case *errdetails.RetryInfo:
			delay = value.GetRetryDelay().AsDuration()
		}
	}
	if reason != "TOO_MANY_FROM_ADDRESS" || delay != 1500*time.Millisecond {
		t.Errorf("reason %q, retry after %s", reason, delay)
	}
}

func TestConnect_leavesItsOwnErrors(t *testing.T) {
	made := connect.NewError(connect.CodeAborted, errors.New("stream broke"))
	if got := Connect(fmt.Errorf("send: %w", made)); got != error(made) { //nolint:errorlint // it must be the same value, not one that wraps it
		t.Errorf("%v", got)
	}
}

// Programs depend on reasons: each is documented, with its code.
func TestAll_isDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "reasons.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]string) // code by reason
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| `([A-Z_]+)` \\| .+ \\|$").FindAllStringSubmatch(string(text), -1) {
		rows[row[1]] = row[2]
	}
	for _, k := range All() {
		var code codes.Code
		if err := code.UnmarshalJSON([]byte(strconv.Quote(rows[string(k.Reason)]))); err != nil || code != k.Code {
			t.Errorf("docs/reasons.md has %s as %q, it is %s", k.Reason, rows[string(k.Reason)], k.Code)
		}
		delete(rows, string(k.Reason))
	}
	if len(rows) != 0 {
		t.Errorf("docs/reasons.md names reasons that there are not: %v", rows)
	}
}
