package loadtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"connectrpc.com/connect"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

// matchmaker is the matchmaker as bots use it. It is safe for concurrent use once a
// game is chosen.
type matchmaker struct {
	client     matchmakerv1connect.MatchmakerServiceClient
	http       *http.Client
	game, mode string
}

func newMatchmaker(c *Config) *matchmaker {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 256, TLSClientConfig: c.TLS}
	client := &http.Client{Transport: transport}
	return &matchmaker{
		client: matchmakerv1connect.NewMatchmakerServiceClient(client, c.URL), http: client,
		game: c.Game, mode: c.Mode,
	}
}

// chooseGame chooses game and mode among the hosted ones. It returns an error when
// perMatch players do not fit in a match.
func (m *matchmaker) chooseGame(ctx context.Context, url string, perMatch int) error {
	answer, err := m.client.ListGames(ctx, connect.NewRequest(&matchmakerv1.ListGamesRequest{}))
	if err != nil {
		return fmt.Errorf("no matchmaker answers at %s: %w", url, err)
	}
	games := answer.Msg.GetGames()
	if len(games) == 0 {
		return fmt.Errorf("the matchmaker at %s knows no game server yet", url)
	}
	game, names := games[0], make([]string, 0, len(games))
	for _, g := range games {
		names = append(names, g.GetName())
		if g.GetName() == m.game {
			game = g
		}
	}
	if m.game != "" && game.GetName() != m.game || m.game == "" && len(games) > 1 {
		return fmt.Errorf("game %q is not hosted; hosted are %s", m.game, strings.Join(names, ", "))
	}
	m.game = game.GetName()
	return m.chooseMode(game, perMatch)
}

func (m *matchmaker) chooseMode(game *matchmakerv1.GameInfo, perMatch int) error {
	names := make([]string, 0, len(game.GetModes()))
	for _, mode := range game.GetModes() {
		names = append(names, mode.GetName())
		if m.mode != "" && mode.GetName() != m.mode {
			continue
		}
		m.mode = mode.GetName()
		if seats := int(mode.GetMaxPlayers()); perMatch > seats {
			return fmt.Errorf("per-match %d does not fit: mode %s of %s has %d seats", perMatch, m.mode, m.game, seats)
		}
		return nil
	}
	return fmt.Errorf("game %s has no mode %q; it has %s", m.game, m.mode, strings.Join(names, ", "))
}

// failure is why a bot could not go on. Failures are counted by kind.
type failure struct {
	kind string
	err  error
}

func (f *failure) Error() string { return f.kind + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func failed(kind string, err error) error { return &failure{kind: kind, err: err} }

func failedCall(err error) error {
	return failed("matchmaker "+connect.CodeOf(err).String(), err)
}

// kindOf returns the kind that an error is counted by.
func kindOf(err error) string {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.kind
	}
	return "other"
}

// errRoomClosed is for a room that is gone or full: its group needs a new one.
var errRoomClosed = errors.New("the room lets no player in")

// search creates a ticket and waits for its assignment.
func (m *matchmaker) search(ctx context.Context, b *bot, room string) (*matchmakerv1.Assignment, error) {
	answer, err := m.client.CreateTicket(ctx, connect.NewRequest(&matchmakerv1.CreateTicketRequest{
		Game: m.game, Mode: m.mode, PlayerName: b.name, GuestToken: b.guestToken, RoomCode: room,
	}))
	if err != nil {
		return nil, failedCall(err)
	}
	if token := answer.Msg.GetGuestToken(); token != "" {
		b.guestToken = token
	}
	defer m.cancelIfEnded(ctx, answer.Msg.GetTicketId())
	stream, err := m.client.WatchTicket(ctx, connect.NewRequest(&matchmakerv1.WatchTicketRequest{
		TicketId: answer.Msg.GetTicketId(),
	}))
	if err != nil {
		return nil, failedCall(err)
	}
	defer func() { _ = stream.Close() }() // an error of the stream has come by Err already
	for stream.Receive() {
		switch news := stream.Msg(); news.GetState() {
		case matchmakerv1.WatchTicketResponse_STATE_ASSIGNED:
			return news.GetAssignment(), nil
		case matchmakerv1.WatchTicketResponse_STATE_ENDED:
			return nil, ticketEnded(news)
		default:
		}
	}
	if err := stream.Err(); err != nil {
		return nil, failedCall(err)
	}
	return nil, failed("ticket cut off", errors.New("the watch ended without an answer"))
}

// cancelIfEnded cancels the ticket of a test that has ended, so that no player is
// matched with it.
func (m *matchmaker) cancelIfEnded(ctx context.Context, ticket string) {
	if ctx.Err() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), freeSeatTimeout)
	defer cancel()
	// A ticket that can't be cancelled ends by itself when it is not watched.
	_, _ = m.client.CancelTicket(ctx, connect.NewRequest(&matchmakerv1.CancelTicketRequest{TicketId: ticket}))
}

func ticketEnded(news *matchmakerv1.WatchTicketResponse) error {
	reason := strings.ToLower(strings.TrimPrefix(news.GetReason().String(), "END_REASON_"))
	err := errors.New(news.GetMessage())
	if news.GetReason() == matchmakerv1.EndReason_END_REASON_UNMATCHABLE {
		err = fmt.Errorf("%w: %s", errRoomClosed, news.GetMessage())
	}
	return failed("ticket "+reason, err)
}

// room is the private match of a group of bots. When a match is over, the first bot
// that searches again opens the next room, and the others follow. It is safe for
// concurrent use.
type room struct {
	mu     sync.Mutex
	code   string
	opened int
}

// enter returns the code of the group's room. last is the code with which the bot
// searched before: a room with that code is replaced.
func (r *room) enter(ctx context.Context, m *matchmaker, last string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.code != "" && r.code != last {
		return r.code, nil
	}
	answer, err := m.client.CreateRoom(ctx, connect.NewRequest(&matchmakerv1.CreateRoomRequest{Game: m.game, Mode: m.mode}))
	if err != nil {
		return "", failedCall(err)
	}
	r.code = answer.Msg.GetRoomCode()
	r.opened++
	return r.code, nil
}
