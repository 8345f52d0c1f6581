package server

import (
	"context"

	"tactus/game"
	"tactus/server/internal/match"
	"tactus/server/internal/matchlog"
)

// MatchStatus is what others may know of a running match.
type MatchStatus = match.Status

// ReplayReport says what a verification compared; its String is one line.
type ReplayReport = matchlog.Report

// ReplayInfo says what is in a match's log; its String is a few lines.
type ReplayInfo = matchlog.Info

// VerifyReplay runs the match of a log again and compares the state's hash at
// every tick. The error names the first tick that differs, or why the log can't
// be run by these games.
func VerifyReplay(ctx context.Context, path string, games ...game.Game) (ReplayReport, error) {
	return matchlog.Verify(ctx, path, games)
}

// DescribeReplay says what is in a match's log.
func DescribeReplay(ctx context.Context, path string, games ...game.Game) (ReplayInfo, error) {
	return matchlog.Describe(ctx, path, games)
}
