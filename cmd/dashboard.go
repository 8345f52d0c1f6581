package tactuscmd

import (
	_ "embed"
	"html/template"
	"sort"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"tactus/matchmaker"
	"tactus/server"
)

//go:embed dashboard.html
var dashboardSource string

var dashboard = template.Must(template.New("dashboard").Funcs(template.FuncMap{
	"percent": func(share float64) float64 { return 100 * share },
	"short":   func(d time.Duration) string { return d.Round(10 * time.Microsecond).String() },
}).Parse(dashboardSource))

// newRegistry makes a registry with the metrics of the Go runtime and the process.
func newRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

func sorted(matches func() []server.MatchStatus) []server.MatchStatus {
	list := []server.MatchStatus{}
	if matches != nil {
		list = append(list, matches()...)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Started.Before(list[j].Started) })
	return list
}

// overview is the data of the dashboard.
type overview struct {
	Now        string
	Figures    []figure
	Hosts      bool // matches
	Matches    []matchRow
	Matchmaker *matchmaker.Overview
	Moderates  bool // actions on players, matches and servers
	Bans       bool // bans, reports and deletions
	Profiles   bool
}

type figure struct {
	Name  string
	Value float64
}

type matchRow struct {
	server.MatchStatus
	Age string
}

func newOverview(p adminParts, profiles bool) overview {
	o := overview{
		Now: time.Now().Format(time.TimeOnly), Hosts: p.matches != nil,
		Moderates: p.moderation != nil, Bans: p.matchmaker != nil, Profiles: profiles,
	}
	if p.matchmaker != nil {
		seen := p.matchmaker.Overview()
		o.Matchmaker = &seen
	}
	for _, m := range sorted(p.matches) {
		o.Matches = append(o.Matches, matchRow{m, time.Since(m.Started).Round(time.Second).String()})
	}
	families, err := p.reg.Gather()
	if err != nil {
		return o
	}
	for _, f := range families {
		name, ours := strings.CutPrefix(f.GetName(), "tactus_")
		if !ours || len(f.GetMetric()) != 1 {
			continue
		}
		m := f.GetMetric()[0]
		switch {
		case m.GetCounter() != nil:
			o.Figures = append(o.Figures, figure{name, m.GetCounter().GetValue()})
		case m.GetGauge() != nil:
			o.Figures = append(o.Figures, figure{name, m.GetGauge().GetValue()})
		}
	}
	return o
}
