package moderation

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"tactus/matchmaker/internal/store"
)

// ReportsKept is how long reports, and the logs of their matches, are kept.
const ReportsKept = 30 * 24 * time.Hour

// Report is what a player has reported about another.
type Report struct {
	ID       string `json:"-"` // the key of the record
	Player   string `json:"player"`
	Name     string `json:"name"`
	Reporter string `json:"reporter"`
	Match    string `json:"match"`
	Server   string `json:"server"`
	Category string `json:"category"`
	Text     string `json:"text,omitempty"`
	Created  int64  `json:"created"` // Unix time in milliseconds
	LogKept  bool   `json:"log_kept,omitempty"`
}

// Reports holds the reports of all replicas in the store. It is safe for concurrent
// use.
type Reports struct{ bucket *store.Bucket }

// OpenReports opens the reports of a store.
func OpenReports(ctx context.Context, s *store.Store) (*Reports, error) {
	bucket, err := s.Bucket(ctx, store.BucketConfig{Name: "reports", TTL: ReportsKept, Durable: true})
	if err != nil {
		return nil, fmt.Errorf("reports: %w", err)
	}
	return &Reports{bucket}, nil
}

// Put stores a report. A second one of the same player about the same player in the
// same match replaces the first.
func (r *Reports) Put(ctx context.Context, report Report) (Report, error) {
	sum := sha256.Sum256([]byte(strconv.Quote(report.Match) + strconv.Quote(report.Player) + strconv.Quote(report.Reporter)))
	report.ID = hex.EncodeToString(sum[:8])
	value, err := json.Marshal(report)
	if err == nil {
		_, err = r.bucket.Put(ctx, report.ID, value)
	}
	return report, err
}

// All lists the reports, newest first.
func (r *Reports) All(ctx context.Context) ([]Report, error) {
	entries, err := r.bucket.All(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Report, 0, len(entries))
	for _, e := range entries {
		report := Report{ID: e.Key}
		if json.Unmarshal(e.Value, &report) == nil {
			list = append(list, report)
		}
	}
	slices.SortFunc(list, func(x, y Report) int { return cmp.Or(cmp.Compare(y.Created, x.Created), cmp.Compare(x.ID, y.ID)) })
	return list, nil
}

// Remove removes a report and returns it. Error: store.ErrNotFound, or of the store.
func (r *Reports) Remove(ctx context.Context, id string) (Report, error) {
	if id == "" {
		return Report{}, store.ErrNotFound
	}
	e, err := r.bucket.Get(ctx, id)
	if err != nil {
		return Report{}, err
	}
	report := Report{ID: id}
	if err := json.Unmarshal(e.Value, &report); err != nil {
		return report, err
	}
	return report, r.bucket.Delete(ctx, id, 0)
}

// Erase removes the reports by a player, and those about them.
func (r *Reports) Erase(ctx context.Context, player string) error {
	all, err := r.All(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, report := range all {
		if report.Player == player || report.Reporter == player {
			errs = append(errs, r.bucket.Delete(ctx, report.ID, 0))
		}
	}
	return errors.Join(errs...)
}
