package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Complete fills in the defaults of rules made in Go, checks them and computes their
// version, as [Parse] does for files. The error is [Problems].
func (q *Queue) Complete() error {
	r := newReport("")
	q.complete(r)
	return r.problems.orNil()
}

func (q *Queue) complete(r *report) {
	q.fillDefaults()
	q.validate(r)
	q.Version = ""
	if len(r.problems) == 0 {
		q.Version = q.version()
	}
}

func orDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

func (q *Queue) fillDefaults() {
	orDefault(&q.Title, q.Name)
	t := &q.Teams
	orDefault(&t.Count, defaultTeams)
	orDefault(&t.Max, 1)
	atLeast, least := t.Count, t.Max
	for _, f := range t.Fill {
		if f.AtLeast > 0 {
			atLeast = min(atLeast, f.AtLeast)
		}
		if f.Min > 0 {
			least = min(least, f.Min)
		}
	}
	orDefault(&t.AtLeast, atLeast)
	orDefault(&t.Min, least)
	for i := range t.Fill {
		orDefault(&t.Fill[i].AtLeast, t.AtLeast)
		orDefault(&t.Fill[i].Min, t.Min)
	}
	orDefault(&q.Party.Max, t.Max)
	if q.Accept != nil {
		orDefault(&q.Accept.Within, defaultAccept)
	}
	orDefault(&q.Search.Expiry, defaultExpiry)
	orDefault(&q.Search.Duplicate, DuplicateReplace)
	orDefault(&q.Assignment.Policy, PolicySpread)
}

// YAML returns the rules with all defaults. Rules with the same meaning have the same
// text.
func (q *Queue) YAML() []byte {
	canonical := *q
	canonical.Attributes = slices.Clone(q.Attributes)
	slices.SortStableFunc(canonical.Attributes, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	canonical.Assignment.Versions = slices.Clone(q.Assignment.Versions)
	slices.SortStableFunc(canonical.Assignment.Versions, func(a, b VersionWeight) int { return strings.Compare(a.Version, b.Version) })
	data, err := yaml.MarshalWithOptions(canonical, yaml.OmitZero())
	if err != nil {
		panic(fmt.Sprintf("rules: a queue can't be written: %v", err)) // plain values always can
	}
	return data
}

// version does not depend on comments and on the order in the file.
func (q *Queue) version() string {
	sum := sha256.Sum256(q.YAML())
	return hex.EncodeToString(sum[:])[:12]
}
