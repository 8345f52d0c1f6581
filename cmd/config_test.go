package tactuscmd

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"tactus/game"
	"tactus/game/arena"
)

// Kubernetes makes variables with such names for services called tactus-...
func TestFlags_namesDoNotLookLikeServiceDiscovery(t *testing.T) {
	discovery := regexp.MustCompile(`(^|-)(port|service-host|service-port)(-|$)`)
	seen := 0
	for _, c := range configuredCommands(Program{}) {
		configured(c).Flags().VisitAll(func(f *pflag.Flag) {
			seen++
			if discovery.MatchString(f.Name) {
				t.Errorf("tactus %s --%s: such a variable may be of Kubernetes", c.Name(), f.Name)
			}
		})
	}
	if seen < 40 {
		t.Errorf("only %d flags were looked at", seen)
	}
}

func TestReference_isUpToDate(t *testing.T) {
	want, err := run("config", "reference")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../docs/configuration.md")
	if err != nil || string(got) != want {
		t.Errorf("docs/configuration.md is out of date (%v): run `go generate ./cmd`", err)
	}
}

func TestConfigCommand_printsSettings(t *testing.T) {
	t.Setenv("TACTUS_GRACE", "45s")
	t.Setenv("TACTUS_ADMIN_TOKEN", "geheim")
	path := writeFile(t, "tactus.yaml", "matchmaker: {rules: [a, b]}\nlog-level: debug\n")
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"server", "--config", path, "--id", "one"}, []string{"id one flag", "grace 45s TACTUS_GRACE", "log-level debug " + path + ":2 log-level", "max-matches 1024 default", "admin-token *** TACTUS_ADMIN_TOKEN"}},
		{[]string{"matchmaker", "--config", path}, []string{"rules a,b " + path + ":1 rules", "log-level debug " + path + ":2 log-level"}},
		{[]string{"dev"}, []string{"listen localhost:8080 default"}},
		{[]string{"loadtest", "--players", "3"}, []string{"players 3 flag"}},
	} {
		out, err := run(append([]string{"config"}, tt.args...)...)
		if err != nil {
			t.Fatal(err)
		}
		text := regexp.MustCompile(` +`).ReplaceAllString(out, " ")
		for _, line := range tt.want {
			if !strings.Contains(text, line+"\n") {
				t.Errorf("config %v: no line %q in\n%s", tt.args, line, out)
			}
		}
		if strings.Contains(out, "geheim") {
			t.Errorf("config %v prints the secret", tt.args)
		}
	}
}

// What a command finds wrong with a value says where that came from, and mistakes
// of the environment end it like those of the command line.
func TestConfigured_environmentMistakesAreOneLine(t *testing.T) {
	for name, tt := range map[string]struct{ variable, text, want string }{
		"no value of the flag": {"TACTUS_GRACE", "abc", `TACTUS_GRACE="abc"`},
		"refused later":        {"TACTUS_LOG_LEVEL", "loud", "(--log-level is from TACTUS_LOG_LEVEL)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(tt.variable, tt.text)
			root := newRoot([]game.Game{arena.Game})
			root.SetArgs([]string{"server"})
			err := root.Execute()
			if err == nil || !strings.Contains(oneLine(err), tt.want) {
				t.Errorf("ended with %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDev_listensOnPORT(t *testing.T) {
	args := anyPorts(t, "dev")
	args = append(args[:1], args[3:]...) // without --listen
	t.Setenv("PORT", "0")
	t.Setenv("TACTUS_LISTEN", "127.0.0.2:8080")
	t.Setenv("TACTUS_INTERNL", "127.0.0.1:1")
	p := startProcess(t, nil, args...)
	p.waitFor("did you mean TACTUS_INTERNAL")
	if line := p.waitFor("tactus ready"); !strings.Contains(line, "http://127.0.0.2:") || bytes.Contains([]byte(line), []byte(":8080/")) {
		t.Errorf("it plays on %s", line)
	}
}
