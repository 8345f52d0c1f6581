package server

import (
	"context"

	"tactus/game"
	"tactus/server/internal/match"
	"tactus/server/internal/matchlog"
)

// MatchStatus is the public status of a running match: its ID, game and mode, seats,
// players, whether it is open, its queue and teams, and how long it goes on.
type MatchStatus = match.Status

// ReplayReport is the result of a verification; its String is one line.
type ReplayReport = matchlog.Report

// ReplayInfo summarizes a match log; its String is a few lines.
type ReplayInfo = matchlog.Info

// VerifyReplay runs the match of a log again and compares the state's hash at
// every tick. The error names the first tick that differs, or why the log can't
// be run by these games.
func VerifyReplay(ctx context.Context, path string, games ...game.Game) (ReplayReport, error) {
	return matchlog.Verify(ctx, path, games)
}

// DescribeReplay summarizes a match log without running it.
func DescribeReplay(ctx context.Context, path string, games ...game.Game) (ReplayInfo, error) {
	return matchlog.Describe(ctx, path, games)
}
