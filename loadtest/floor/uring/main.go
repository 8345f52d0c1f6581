//go:build linux

package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "uring:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	var (
		flags    = flag.NewFlagSet("uring", flag.ContinueOnError)
		l        load
		plan     plan
		names    = flags.String("variants", "", "which variants of io_uring, with commas between; empty: all")
		roleName = flags.String("role", "", "what this process is: serve or generate; empty: the one that starts both")
		address  = flags.String("address", "", "server, for the generator")
	)
	flags.IntVar(&l.matches, "matches", 25, "matches")
	flags.IntVar(&l.perMatch, "per-match", 16, "clients in each match")
	flags.IntVar(&plan.rounds, "rounds", 3, "how often each variant is measured")
	flags.DurationVar(&plan.warmUp, "warm-up", time.Second, "time before a measurement")
	flags.DurationVar(&plan.window, "window", 5*time.Second, "time of a measurement")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var chosen []variant
	for name := range strings.SplitSeq(*names, ",") {
		if name == "" {
			continue
		}
		v, err := variantNamed(name)
		if err != nil {
			return err
		}
		chosen = append(chosen, v)
	}
	switch *roleName {
	case "serve":
		return role(func(stop <-chan struct{}) error { return serve(chosen[0], l, stop, out) })
	case "generate":
		return role(func(stop <-chan struct{}) error { return generate(*address, l.clients(), stop, out) })
	}
	if chosen == nil {
		chosen = variants[1:]
	}
	return plan.measure(l, chosen, out)
}

// plan is how often and how long to measure.
type plan struct {
	rounds         int
	warmUp, window time.Duration
}

// sample is one run; times are per client and tick.
type sample struct {
	server, generator time.Duration
	served            served
	generated         generated
}

// measure runs the variants in turns, each between two runs of plain calls,
// whose mean it is compared with: the machine may be shared, and drifts.
func (p plan) measure(l load, chosen []variant, out io.Writer) error {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err
	}
	fmt.Fprintf(out, "Linux %s: %d matches x %d clients, %d Hz, frames of %d bytes, %d rounds of %v\n\n",
		unix.ByteSliceToString(name.Release[:]), l.matches, l.perMatch, hz, frameSize, p.rounds, p.window)
	results := make([]comparison, len(chosen))
	base, err := p.sample(l, variants[0])
	if err != nil {
		return err
	}
	plain := comparison{samples: []sample{base}}
	for range p.rounds {
		for i, v := range chosen {
			s, err := p.sample(l, v)
			if err != nil {
				return err
			}
			after, err := p.sample(l, variants[0])
			if err != nil {
				return err
			}
			results[i].add(s, base, after)
			plain.add(after, after, after)
			base = after
		}
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "variant\tserver us\t/ calls\tspread\tgenerator us\tboth / calls\tspread\tlag ticks\tdelivered\tlate\tblocked\tbroken")
	plain.writeRow(table, variants[0])
	for i, v := range chosen {
		results[i].writeRow(table, v)
	}
	return table.Flush()
}

// sample starts a server and a generator, lets them play and ends them.
func (p plan) sample(l load, v variant) (sample, error) {
	size := []string{"-matches", strconv.Itoa(l.matches), "-per-match", strconv.Itoa(l.perMatch), "-variants", v.name}
	server, err := start(0, append(size, "-role", "serve")...)
	if err != nil {
		return sample{}, err
	}
	defer server.end()
	address, err := server.line()
	if err != nil {
		return sample{}, fmt.Errorf("the server of %s: %w", v.name, err)
	}
	generator, err := start(1, append(size, "-role", "generate", "-address", address)...)
	if err != nil {
		return sample{}, err
	}
	defer generator.end()

	time.Sleep(p.warmUp)
	begin := time.Now()
	serverBefore, err := server.cpu()
	if err != nil {
		return sample{}, err
	}
	generatorBefore, err := generator.cpu()
	if err != nil {
		return sample{}, err
	}
	time.Sleep(p.window)
	serverAfter, err := server.cpu()
	if err != nil {
		return sample{}, err
	}
	generatorAfter, err := generator.cpu()
	if err != nil {
		return sample{}, err
	}
	exchanges := time.Duration(float64(l.clients()*hz) * time.Since(begin).Seconds())
	s := sample{server: (serverAfter - serverBefore) / exchanges, generator: (generatorAfter - generatorBefore) / exchanges}
	if err := server.account(&s.served); err != nil {
		return sample{}, err
	}
	return s, generator.account(&s.generated)
}

// comparison is a variant's runs, and their ratios to the plain runs around
// each.
type comparison struct {
	samples      []sample
	server, both []float64
}

func (c *comparison) add(s, before, after sample) {
	c.samples = append(c.samples, s)
	plain := float64(before.server + after.server)
	c.server = append(c.server, 2*float64(s.server)/plain)
	plain += float64(before.generator + after.generator)
	c.both = append(c.both, 2*float64(s.server+s.generator)/plain)
}

func (c *comparison) writeRow(out io.Writer, v variant) {
	var server, generator, lag []float64
	var all sample
	for _, s := range c.samples {
		server = append(server, float64(s.server)/1e3)
		generator = append(generator, float64(s.generator)/1e3)
		lag = append(lag, s.generated.Lag)
		all.served.Frames += s.served.Frames
		all.served.Late += s.served.Late
		all.served.Blocked += s.served.Blocked
		all.served.Broken += s.served.Broken
		all.generated.Received += s.generated.Received
	}
	fmt.Fprintf(out, "%s\t%.2f\t%.2f\t%.2f-%.2f\t%.2f\t%.2f\t%.2f-%.2f\t%.2f\t%.4f\t%d\t%d\t%d\n", v.name,
		median(server), median(c.server), slices.Min(c.server), slices.Max(c.server),
		median(generator), median(c.both), slices.Min(c.both), slices.Max(c.both), median(lag),
		float64(all.generated.Received)/float64(max(all.served.Frames, 1)),
		all.served.Late, all.served.Blocked, all.served.Broken)
}

func median(v []float64) float64 {
	sorted := slices.Sorted(slices.Values(v))
	if len(sorted)%2 == 0 {
		return (sorted[len(sorted)/2-1] + sorted[len(sorted)/2]) / 2
	}
	return sorted[len(sorted)/2]
}
