package tactuscmd

import (
	"flag"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	nats "github.com/nats-io/nats-server/v2/server"
	"github.com/spf13/cobra"

	"tactus/game"
	"tactus/game/arena"
)

// compose is what the tests look at of a compose file.
type compose struct {
	Services map[string]struct {
		Image   string
		Command []string
		Volumes []string
		Ports   []string
		Depends []string `yaml:"depends_on"`
	}
	Volumes map[string]any
}

func readCompose(t *testing.T, path string) compose {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var c compose
	if err := yaml.Unmarshal(text, &c); err != nil || len(c.Services) == 0 {
		t.Fatalf("%s: %v, %d services", path, err, len(c.Services))
	}
	return c
}

// parsed parses a command line of tactus, whose flags have to exist.
func parsed(t *testing.T, where string, args []string) *cobra.Command {
	t.Helper()
	c, rest, err := newRoot([]game.Game{arena.Game}).Find(args)
	if err == nil {
		err = c.ParseFlags(rest)
	}
	if err != nil || c.Args != nil && c.Args(c, c.Flags().Args()) != nil {
		t.Errorf("%s: tactus %s: %v", where, strings.Join(args, " "), err)
	}
	return c
}

func TestDeploy_composeFilesFitTogether(t *testing.T) {
	files, err := filepath.Glob("../deploy/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("compose files %v: %v", files, err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) { readCompose(t, path).check(t) })
	}
}

func (c compose) check(t *testing.T) {
	t.Helper()
	for name, s := range c.Services {
		switch {
		case s.Image == "tactus":
			c.checkAddresses(t, name, parsed(t, name, s.Command))
		case strings.HasPrefix(s.Image, "nats:"):
			c.checkNATS(t, name, s.Command)
		}
		for _, other := range s.Depends {
			if c.Services[other].Image == "" {
				t.Errorf("%s depends on %s, which is no service", name, other)
			}
		}
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			_, named := c.Volumes[source]
			if _, err := os.Stat(filepath.Join("../deploy", source)); !named && err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if strings.HasSuffix(source, ".yaml") {
				if out, err := run("matchmaker", "check-rules", filepath.Join("../deploy", source)); err != nil {
					t.Errorf("%s: %v\n%s", source, err, out)
				}
			}
		}
	}
}

// checkAddresses looks whether the services that a command names listen there.
func (c compose) checkAddresses(t *testing.T, name string, command *cobra.Command) {
	t.Helper()
	fl := command.Flags()
	if f := fl.Lookup("advertise"); f != nil && f.Changed && c.internal(t, f.Value.String()) != name {
		t.Errorf("%s advertises %s, where it does not listen", name, f.Value)
	}
	if servers, err := fl.GetStringSlice("matchmaker"); err == nil {
		for _, addr := range servers {
			if c.internal(t, addr) == "" {
				t.Errorf("%s connects to %s, where no matchmaker listens", name, addr)
			}
		}
	}
	if cluster, err := fl.GetString("nats"); err == nil && cluster != "" {
		for node := range strings.SplitSeq(cluster, ",") {
			if u, err := url.Parse(node); err != nil || !strings.HasPrefix(c.Services[u.Hostname()].Image, "nats:") || u.Port() != "4222" {
				t.Errorf("%s shares by %s, which is no node (%v)", name, node, err)
			}
		}
	}
	if public := fl.Lookup("public-url"); public != nil && public.Changed {
		u, err := url.Parse(public.Value.String())
		_, port, _ := net.SplitHostPort(fl.Lookup("listen").Value.String())
		if err != nil || !slices.Contains(c.Services[name].Ports, u.Host+":"+port) {
			t.Errorf("%s is not reached at %s: it publishes %v (%v)", name, public.Value, c.Services[name].Ports, err)
		}
	}
}

// internal is the matchmaker with its internal port at an address.
func (c compose) internal(t *testing.T, addr string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	s := c.Services[host]
	if err != nil || len(s.Command) == 0 || s.Command[0] != "matchmaker" {
		return ""
	}
	if _, listens, _ := net.SplitHostPort(parsed(t, host, s.Command).Flags().Lookup("internal").Value.String()); listens != port {
		return ""
	}
	return host
}

func (c compose) checkNATS(t *testing.T, name string, args []string) {
	t.Helper()
	o, err := nats.ConfigureOptions(flag.NewFlagSet(name, flag.ContinueOnError), args, nil, nil, nil)
	if err != nil || o.ServerName != name || !o.JetStream || o.StoreDir != "/data" || o.Cluster.Name == "" {
		t.Fatalf("%s: %v, %+v", name, err, o)
	}
	for _, route := range o.Routes {
		other := c.Services[route.Hostname()]
		if !strings.HasPrefix(other.Image, "nats:") || !slices.Contains(other.Command, "nats://0.0.0.0:"+route.Port()) {
			t.Errorf("%s has a route to %s, where no node listens", name, route)
		}
	}
}

var (
	commandLine = regexp.MustCompile(`(?m)^(?:ExecStart=|#   ExecStart=|bin/|URL=\S+ )?(?:/usr/local/bin/)?tactus ((?:dev|server|matchmaker|loadtest|config|replay|version)\b.*)$`)
	aside       = regexp.MustCompile(`\s+(?:#.*|\.\.\.|&|>.*)$|\s{3}.*$`) // what is not of the command line
)

// Every command line of tactus in the documents and in deploy has flags that
// there are.
func TestDeploy_documentedCommandLinesParse(t *testing.T) {
	files := []string{"../README.md", "../deploy/tactus-server.service"}
	documents, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range append(files, documents...) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range commandLine.FindAllStringSubmatch(string(text), -1) {
			line := strings.ReplaceAll(aside.ReplaceAllString(m[1], ""), "$!", "1")
			var args []string
			for _, w := range word.FindAllString(line, -1) {
				args = append(args, strings.Trim(w, "'"))
			}
			found++
			parsed(t, path, args)
		}
	}
	if found < 25 {
		t.Errorf("only %d command lines were found", found)
	}
}
