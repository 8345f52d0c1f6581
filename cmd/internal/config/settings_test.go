package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"tactus/cmd/internal/config"
)

// flags are those of a command like the real ones.
type flags struct {
	listen, token, nats, region string
	grace                       time.Duration
	most                        int
	guests                      bool
	origins, servers            []string
}

func (f *flags) set(name string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	fs.String(config.FileFlag, "", "file")
	fs.StringVar(&f.listen, "listen", "127.0.0.1:8080", "public port")
	fs.StringVar(&f.token, "admin-token", "", "token")
	config.Secret(fs, "admin-token")
	fs.StringVar(&f.nats, "nats", "", "URLs")
	config.SecretURLs(fs, "nats")
	fs.StringVar(&f.region, "region", "", "region")
	fs.DurationVar(&f.grace, "grace", 30*time.Second, "grace")
	fs.IntVar(&f.most, "max-matches", 1024, "matches")
	fs.BoolVar(&f.guests, "no-guests", false, "no guests")
	fs.StringArrayVar(&f.origins, "origin", []string{"*"}, "pages")
	fs.StringSliceVar(&f.servers, "matchmaker", []string{"127.0.0.1:8090"}, "matchmakers")
	return fs
}

// setting is what a process is started with.
type setting struct {
	args []string
	env  []string
	file string // its text
}

func load(t *testing.T, s setting) (flags, *config.Settings, error) {
	t.Helper()
	var f flags
	own := f.set("server")
	if s.file != "" {
		path := filepath.Join(t.TempDir(), "tactus.yaml")
		if err := os.WriteFile(path, []byte(s.file), 0o600); err != nil {
			t.Fatal(err)
		}
		s.env = append(slices.Clone(s.env), "TACTUS_CONFIG="+path)
	}
	if err := own.Parse(s.args); err != nil {
		t.Fatal(err)
	}
	other := pflag.NewFlagSet("loadtest", pflag.ContinueOnError)
	other.Int("players", 100, "bots")
	settings, err := config.Load("server", config.Sections{"server": own, "loadtest": other}, s.env)
	return f, settings, err
}

func TestLoad_precedenceOfSources(t *testing.T) {
	file := "grace: 1s\nmax-matches: 1\nregion: top\norigin: [https://a.example, https://b.example]\n" +
		"loadtest:\n  players: 7\nserver:\n  grace: 2s\n  no-guests: true\n"
	for name, tt := range map[string]struct {
		setting
		want func(*flags)
	}{
		"nothing": {setting{}, func(*flags) {}},
		"file": {setting{file: file}, func(f *flags) {
			f.grace, f.most, f.region, f.guests = 2*time.Second, 1, "top", true
			f.origins = []string{"https://a.example", "https://b.example"}
		}},
		"environment over file": {setting{file: file, env: []string{"TACTUS_GRACE=3s", "TACTUS_ORIGIN=https://c.example, https://d.example", "TACTUS_NO_GUESTS=false"}}, func(f *flags) {
			f.grace, f.most, f.region = 3*time.Second, 1, "top"
			f.origins = []string{"https://c.example", "https://d.example"}
		}},
		"flag over all": {setting{file: file, env: []string{"TACTUS_GRACE=3s", "TACTUS_MATCHMAKER=a:1,b:2"}, args: []string{"--grace", "4s", "--origin", "https://e.example"}}, func(f *flags) {
			f.grace, f.most, f.region, f.guests = 4*time.Second, 1, "top", true
			f.origins, f.servers = []string{"https://e.example"}, []string{"a:1", "b:2"}
		}},
		"empty variables and keys say nothing": {setting{file: "region:\norigin: ~\n", env: []string{"TACTUS_GRACE="}}, func(*flags) {}},
		"text as it is written":                {setting{file: "region: 007\nmatchmaker: a:1\n"}, func(f *flags) { f.region, f.servers = "007", []string{"a:1"} }},
		"--config over TACTUS_CONFIG":          {setting{file: file, args: []string{"--config", "/dev/null"}}, func(*flags) {}},

		"PORT keeps the host":       {setting{env: []string{"PORT=9000", "TACTUS_LISTEN=0.0.0.0:8080"}}, func(f *flags) { f.listen = "0.0.0.0:9000" }},
		"PORT and the default":      {setting{env: []string{"PORT=9000"}}, func(f *flags) { f.listen = "127.0.0.1:9000" }},
		"PORT and IPv6":             {setting{env: []string{"PORT=9000"}, file: "listen: '[::]:80'"}, func(f *flags) { f.listen = "[::]:9000" }},
		"PORT and --listen":         {setting{env: []string{"PORT=9000"}, args: []string{"--listen", "x:1"}}, func(f *flags) { f.listen = "x:1" }},
		"PORT that is no number":    {setting{env: []string{"PORT=tcp://10.0.0.1:80"}}, func(*flags) {}},
		"Kubernetes' own variables": {setting{env: []string{"TACTUS_PORT=tcp://10.0.0.1:80", "TACTUS_LISTEN_PORT=1", "TACTUS_GRACE_SERVICE_HOST=10.0.0.1"}}, func(*flags) {}},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := load(t, tt.setting)
			if err != nil {
				t.Fatal(err)
			}
			var want flags
			want.set("default")
			tt.want(&want)
			if !equal(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func equal(a, b flags) bool {
	same := slices.Equal(a.origins, b.origins) && slices.Equal(a.servers, b.servers)
	return same && a.listen == b.listen && a.token == b.token && a.nats == b.nats && a.region == b.region &&
		a.grace == b.grace && a.most == b.most && a.guests == b.guests
}

func TestLoad_errorsNameTheirSource(t *testing.T) {
	for name, tt := range map[string]struct {
		setting
		says []string
	}{
		"variable":         {setting{env: []string{"TACTUS_GRACE=abc"}}, []string{`TACTUS_GRACE="abc"`, "duration like 30s"}},
		"boolean":          {setting{env: []string{"TACTUS_NO_GUESTS=maybe"}}, []string{`TACTUS_NO_GUESTS="maybe"`, "true or false"}},
		"all of them":      {setting{env: []string{"TACTUS_GRACE=abc", "TACTUS_MAX_MATCHES=x"}}, []string{"TACTUS_GRACE", "TACTUS_MAX_MATCHES", "whole number"}},
		"file":             {setting{file: "region: eu\ngrace: 30\n"}, []string{`tactus.yaml:2 grace="30"`, "duration"}},
		"section":          {setting{file: "server:\n  max-matches: many\n"}, []string{`tactus.yaml:2 max-matches="many"`}},
		"unknown key":      {setting{file: "grase: 30s"}, []string{`tactus.yaml:1: unknown key "grase"`, `"grace"`}},
		"underscore":       {setting{file: "max_matches: 3"}, []string{`"max-matches"`}},
		"other section":    {setting{file: "loadtest:\n  player: 30"}, []string{"section loadtest", `tactus.yaml:2: unknown key "player"`, `"players"`}},
		"a key twice":      {setting{file: "grace: 3s\ngrace: 4s\n"}, []string{"grace", "already"}},
		"a list for one":   {setting{file: "grace: [3s]"}, []string{"tactus.yaml:1 grace", "one value"}},
		"a mapping":        {setting{file: "origin: {a: b}"}, []string{"origin", "one value"}},
		"no mapping":       {setting{file: "- grace"}, []string{"name: value"}},
		"config in itself": {setting{file: "config: other.yaml"}, []string{`unknown key "config"`}},
		"no file":          {setting{env: []string{"TACTUS_CONFIG=/nonexistent/tactus.yaml"}}, []string{"TACTUS_CONFIG", "/nonexistent/tactus.yaml"}},
		"no file by flag":  {setting{args: []string{"--config", "/nonexistent"}}, []string{"--config: ", "/nonexistent"}},
		"port too large":   {setting{env: []string{"PORT=70000"}}, []string{`PORT="70000"`, "65535"}},
		"no secret's file": {setting{env: []string{"TACTUS_ADMIN_TOKEN_FILE=/nonexistent"}}, []string{"--admin-token-file", "/nonexistent"}},
		"secret twice":     {setting{env: []string{"TACTUS_ADMIN_TOKEN_FILE=/x", "TACTUS_ADMIN_TOKEN=y"}}, []string{"both given"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := load(t, tt.setting)
			if err == nil {
				t.Fatal("no mistake was found")
			}
			for _, text := range tt.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not say %q", err, text)
				}
			}
		})
	}
}

func TestLoad_readsSecretsFromFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		setting
		want string
	}{
		"by flag":                   {setting{args: []string{"--admin-token-file", path}, env: []string{"TACTUS_ADMIN_TOKEN=old"}}, "s3cret"},
		"by environment":            {setting{env: []string{"TACTUS_ADMIN_TOKEN_FILE=" + path}, file: "admin-token: old"}, "s3cret"},
		"by the file":               {setting{file: "server:\n  admin-token-file: " + path}, "s3cret"},
		"a higher source says more": {setting{env: []string{"TACTUS_ADMIN_TOKEN_FILE=" + path}, args: []string{"--admin-token", "new"}}, "new"},
	} {
		t.Run(name, func(t *testing.T) {
			got, settings, err := load(t, tt.setting)
			if err != nil || got.token != tt.want {
				t.Fatalf("token %q, want %q (%v)", got.token, tt.want, err)
			}
			if text := printed(t, settings); strings.Contains(text, tt.want) {
				t.Errorf("the secret is printed:\n%s", text)
			}
		})
	}
}

func printed(t *testing.T, s *config.Settings) string {
	t.Helper()
	var b strings.Builder
	if err := s.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSettings_printsValuesAndSources(t *testing.T) {
	_, settings, err := load(t, setting{
		args: []string{"--region", "eu"}, file: "grace: 1m\nadmin-token: geheim\n",
		env: []string{"PORT=9", "TACTUS_NATS=nats://u:p@ss@a:4222,tok@b", "TACTUS_ORIGIN=https://a.example,https://b.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := printed(t, settings)
	for line := range strings.Lines(got) {
		fields := strings.Fields(line)
		want := map[string][]string{
			"region": {"eu", "flag"}, "listen": {"127.0.0.1:9", "PORT"}, "max-matches": {"1024", "default"},
			"nats":        {"nats://***@a:4222,***@b", "TACTUS_NATS"},
			"origin":      {"https://a.example,https://b.example", "TACTUS_ORIGIN"},
			"admin-token": {"***"}, "nats-file": {"-", "default"}, "grace": {"1m0s"},
		}[fields[0]]
		if len(fields) < 3 || !slices.Equal(fields[1:1+len(want)], want) {
			t.Errorf("%q, want %v", line, want)
		}
	}
	if !strings.Contains(got, "tactus.yaml:1 grace") {
		t.Errorf("no line of the file in\n%s", got)
	}
}

func TestSettings_neverPrintSecrets(t *testing.T) {
	for _, url := range []string{"nats://u:gehe/im@a:4222", "nats://u:gehe,im@a:4222", "nats://u:gehe%zim@a", "u:gehe/im@a", "nats://a:1,nats://u:gehe@im@b:1"} {
		_, settings, err := load(t, setting{env: []string{"TACTUS_NATS=" + url}})
		if err != nil {
			t.Fatal(err)
		}
		if got := printed(t, settings); strings.Contains(got, "gehe") {
			t.Errorf("%s is printed:\n%s", url, got)
		}
	}
	for _, file := range []string{"admin-token: geheim\nlisten: [a\n", "admin-token: geheim\n  b: c: d\n", "admin-token: geheim\nadmin-token: geheim\n"} {
		if _, _, err := load(t, setting{file: file}); err == nil || strings.Contains(err.Error(), "geheim") || !strings.Contains(err.Error(), "[") {
			t.Errorf("%q: %v", file, err)
		}
	}
}

func TestLoad_warnsOfNearMisses(t *testing.T) {
	for env, want := range map[string]string{
		"TACTUS_LISTN=x": "TACTUS_LISTEN", "TACTUS_MAX_MATCH=1": "TACTUS_MAX_MATCHES", "TACTUS_CONFG=x": "TACTUS_CONFIG",
		"PORT=http": "PORT",
		// of others, or of another command
		"TACTUS_BIN=x": "", "TACTUS_EXAMPLES=1": "", "TACTUS_REPO=x": "", "TACTUS_SERVICE_HOST=10.0.0.1": "", "TACTUS_PLAYERS=3": "",
		"TACTUS_PORT_8080_TCP_ADDR=10.0.0.1": "", "TACTUS_MATCHMAKER_PORT=tcp://10.0.0.1:1": "", "TACTUS_MATCHMAKER_SERVICE_PORT_GRPC=1": "",
	} {
		_, settings, err := load(t, setting{env: []string{env}})
		if err != nil {
			t.Fatal(err)
		}
		if want == "" && len(settings.Warnings) > 0 || want != "" && (len(settings.Warnings) != 1 || !strings.Contains(settings.Warnings[0], want)) {
			t.Errorf("%s: warnings %q, want one of %q", env, settings.Warnings, want)
		}
	}
}
