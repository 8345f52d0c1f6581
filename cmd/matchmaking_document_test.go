package tactuscmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"

	"tactus/internal/testtime"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

// matchmakingPages are the pages whose commands and examples are run, each by a
// reader of its own.
var matchmakingPages = []string{"matchmaking.md", "matchmaking-howto.md"}

// TestMatchmakingPages_commandsWork does what the pages ask their reader to do, in a shell, and
// gets what they show. What a fence is follows from the words behind its three
// ticks:
//
//	sh          is run to its end, which is well unless it says "# exit code"
//	sh define   stands before each of the following
//	sh running  is started, each line for itself, in place of what ran before
//	json, text  is what the one before has printed, "…" for anything
//	json CreateTicket  is a search that ten players begin
//	text drawing  is for the eye
//	FORMAT NAME is a file
//	ts          is checked against the types of the client
func TestMatchmakingPages_commandsWork(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts programs")
	}
	needsProgram(t, "bash")
	needsProgram(t, "curl")
	done, files := map[string]int{}, map[string]string{}
	var examples []string
	for _, page := range matchmakingPages {
		t.Run(page, func(t *testing.T) {
			r := newReader(t, page)
			examples = append(examples, r.follow()...)
			for language, n := range r.did {
				done[language] += n
			}
			r.collectRules(files)
		})
	}
	if done["sh"] < 20 || done["json"] < 10 || done["text"] < 3 || done["yaml"] < 6 || done["go"] != 1 || len(examples) < 3 {
		t.Errorf("too little was found in the pages: %v", done)
	}
	sameAsExamples(t, files)
	t.Run("types", func(t *testing.T) { checkTypes(t, examples) })
}

// follow does what the page says and returns its examples in TypeScript.
func (r *reader) follow() (examples []string) {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join("../docs", r.page))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
		language, argument, body := block[1], block[2], block[3]
		r.did[language]++
		switch {
		case language == "sh" && argument == "define":
			r.defined += r.local(body)
		case language == "sh" && argument == "running":
			r.start(body)
		case language == "sh":
			r.shell(body)
		case language == "text" && argument == "drawing":
		case language == "text":
			r.printedText(body)
		case language == "json" && argument == "CreateTicket":
			r.rankedMatch(body)
		case language == "json":
			r.printedJSON(body)
		case language == "ts":
			examples = append(examples, body)
		default:
			r.write(argument, body)
		}
	}
	r.stop()
	return examples
}

// elsewhere adds flags to a command that would listen on the usual ports.
func elsewhere(args []string, ports *strings.Replacer) []string {
	var flags []string
	switch {
	case len(args) > 1 && !strings.HasPrefix(args[1], "-"): // a subcommand of matchmaker
	case args[0] == "dev" || args[0] == "matchmaker":
		flags = []string{"--listen", "127.0.0.1:8080", "--internal", "127.0.0.1:8090", "--admin", "127.0.0.1:8091", "--log-level", "warn"}
	case args[0] == "server":
		flags = []string{"--matchmaker", "127.0.0.1:8090", "--log-level", "warn"}
	}
	for i := range flags {
		flags[i] = ports.Replace(flags[i])
	}
	return slices.Concat(args[:1], flags, args[1:])
}

// reader follows a page in a folder.
type reader struct {
	t       *testing.T
	page    string // below docs
	dir     string
	env     []string
	ports   *strings.Replacer
	defined string
	printed []byte // by the last command
	running []*exec.Cmd
	log     *os.File // of those running
	did     map[string]int
}

func newReader(t *testing.T, page string) *reader {
	t.Helper()
	r := &reader{t: t, page: page, dir: t.TempDir(), did: make(map[string]int)}
	pairs := freePorts(t, "8080", "8081", "8082", "8090", "8091", "8092", "8093")
	r.ports = strings.NewReplacer(pairs...)
	repository, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(r.dir, "bin")
	r.write("bin/tactus", "#!/bin/sh\nexec '"+self+"' \"$@\"\n")
	// The reader is in the repository, the test is not: nothing is left there.
	r.write("bin/go", "#!/bin/sh\ncase $1 in\nbuild) exec '"+needsProgram(t, "go")+"' build -C '"+repository+"' -o \"$PWD/$3\" \"$4\" ;;\n"+
		"*) command=$1; shift; exec '"+needsProgram(t, "go")+"' \"$command\" -C '"+repository+"' \"$@\" ;;\nesac\n")
	if err := os.Symlink(filepath.Join(repository, "docs"), filepath.Join(r.dir, "docs")); err != nil {
		t.Fatal(err)
	}
	r.env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "TACTUS_DOCUMENT_PORTS="+strings.Join(pairs, ","),
		r.local("URL=http://127.0.0.1:8080"), "JWT="+r.issuer())
	if r.log, err = os.Create(filepath.Join(r.dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.stop()
		_ = r.log.Close()
		if output, err := os.ReadFile(r.log.Name()); t.Failed() {
			t.Logf("output (%v)\n%s", err, output)
		}
	})
	return r
}

// needsProgram finds a program; with TACTUS_EXAMPLES set it has to be there.
func needsProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("TACTUS_EXAMPLES") != "" {
			t.Fatalf("the document can't be followed: %v", err)
		}
		t.Skipf("the document can't be followed: %v", err)
	}
	return path
}

// freePorts pairs each of the usual ports with one that nobody listens on.
func freePorts(t *testing.T, usual ...string) (pairs []string) {
	t.Helper()
	for _, port := range usual {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }() // all at once: each port is another one
		pairs = append(pairs, "127.0.0.1:"+port, ln.Addr().String())
	}
	return pairs
}

// local is a text with the ports of this test.
func (r *reader) local(text string) string { return r.ports.Replace(text) }

func (r *reader) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if strings.HasPrefix(name, "docs/") { // it is there, and the document shows it
		shown, err := os.ReadFile(path)
		if err != nil || string(shown) != text {
			r.t.Errorf("docs/%s shows another %s (%v)", r.page, name, err)
		}
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		r.t.Fatal(err)
	}
}

// collectRules adds the rules that the reader ends up with to files, by name.
func (r *reader) collectRules(files map[string]string) {
	r.t.Helper()
	for _, pattern := range []string{"*.yaml", "rules/*.yaml"} {
		paths, err := filepath.Glob(filepath.Join(r.dir, pattern))
		if err != nil {
			r.t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				r.t.Fatal(err)
			}
			files[filepath.Base(path)] = string(text)
		}
	}
}

// sameAsExamples compares the rules that readers end up with, with those in
// docs/examples.
func sameAsExamples(t *testing.T, files map[string]string) {
	t.Helper()
	examples, err := filepath.Glob("../docs/examples/rules/*")
	if err != nil || len(examples) == 0 {
		t.Fatal("no rules in docs/examples", err)
	}
	for _, example := range examples {
		want, err := os.ReadFile(example)
		if err != nil {
			t.Fatal(err)
		}
		if got := files[filepath.Base(example)]; got != string(want) {
			t.Errorf("%s differs from what readers of the pages end up with:\n%s", example, got)
		}
	}
}

func (r *reader) bash(ctx context.Context, script string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = r.dir, r.env
	return cmd
}

var documentedExit = regexp.MustCompile(`# exit code (\d)`)

func (r *reader) shell(script string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := r.bash(ctx, r.defined+r.local(script))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	want := "0"
	if m := documentedExit.FindStringSubmatch(script); m != nil {
		want = m[1]
	}
	if got := fmt.Sprint(cmd.ProcessState.ExitCode()); got != want {
		r.t.Errorf("exit code %s, want %s (%v) of\n%s\n%s%s", got, want, err, script, stdout.Bytes(), stderr.Bytes())
	}
	r.printed = stdout.Bytes()
}

// start runs each line as a program of its own until the next ones are started,
// and waits until the game servers among them are known.
func (r *reader) start(lines string) {
	r.t.Helper()
	r.stop()
	servers := uint32(0)
	for line := range strings.Lines(lines) {
		cmd := r.bash(context.Background(), "exec "+r.local(line))
		cmd.Stdout, cmd.Stderr = r.log, r.log
		if err := cmd.Start(); err != nil {
			r.t.Fatal(err)
		}
		r.running = append(r.running, cmd)
		if !strings.HasPrefix(line, "tactus matchmaker") {
			servers++
		}
	}
	testtime.Until(r.t, fmt.Sprintf("%s runs", lines), func() bool {
		list, err := r.client().ListGames(context.Background(), connect.NewRequest(&matchmakerv1.ListGamesRequest{}))
		return err == nil && list.Msg.GetServers() == servers
	})
}

func (r *reader) stop() {
	for _, cmd := range r.running {
		_ = cmd.Process.Signal(os.Interrupt)
	}
	for _, cmd := range r.running {
		if err := cmd.Wait(); err != nil {
			r.t.Errorf("%v ended with %v", cmd.Args, err)
		}
	}
	r.running = nil
}

func (r *reader) client() matchmakerv1connect.MatchmakerServiceClient {
	return matchmakerv1connect.NewMatchmakerServiceClient(http.DefaultClient, r.local("http://127.0.0.1:8080"))
}

// printedText compares lines.
func (r *reader) printedText(want string) {
	r.t.Helper()
	lines := func(text string) (list []string) {
		for line := range strings.Lines(strings.TrimSpace(text)) {
			list = append(list, strings.TrimSpace(line))
		}
		return list
	}
	if !slices.EqualFunc(lines(want), lines(string(r.printed)), like) {
		r.t.Errorf("the document shows\n%s\nit is\n%s", want, r.printed)
	}
}

// printedJSON finds each object that is shown among those printed, in order. One
// that is shown may leave fields out.
func (r *reader) printedJSON(want string) {
	r.t.Helper()
	printed := decodeAll(r.t, r.printed)
	for _, shown := range decodeAll(r.t, []byte(want)) {
		at := slices.IndexFunc(printed, func(got any) bool { return resembles(shown, got) })
		if at < 0 {
			r.t.Errorf("the document shows\n%v\nwhich is not (in this order) among\n%s", shown, r.printed)
			return
		}
		printed = printed[at+1:]
	}
}

func decodeAll(t *testing.T, text []byte) (all []any) {
	t.Helper()
	for decoder := json.NewDecoder(bytes.NewReader(text)); decoder.More(); {
		var one any
		if err := decoder.Decode(&one); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		all = append(all, one)
	}
	return all
}

func resembles(shown, got any) bool {
	switch shown := shown.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		for name, value := range shown {
			ok = ok && resembles(value, object[name])
		}
		return ok
	case []any:
		list, _ := got.([]any)
		for _, one := range shown {
			if !slices.ContainsFunc(list, func(other any) bool { return resembles(one, other) }) {
				return false
			}
		}
		return true
	case string:
		text, ok := got.(string)
		return ok && like(shown, text)
	case float64:
		number, ok := got.(float64)
		return ok && math.Abs(number-shown) < 1e-9
	}
	return shown == got
}

// like compares texts; "…" is anything.
func like(shown, got string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(shown), "…", ".*")
	return regexp.MustCompile("^" + pattern + "$").MatchString(got)
}

// A matchmaker reads its rules again when it is told so by the signal.
func TestMatchmaker_reloadsRulesOnHangup(t *testing.T) {
	hangups := make(chan os.Signal, 16) // until dev listens too, it would end the tests
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	rules := file(t, "rules.yaml", duelRules)
	p := startDev(t, func(c *devConfig) { c.queues.rules = []string{rules} })
	if err := os.WriteFile(rules, []byte(duelRules+"---\nqueue: second\ngame: arena\nmode: duel\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		list, err := p.client().ListQueues(context.Background(), connect.NewRequest(&matchmakerv1.ListQueuesRequest{}))
		if err == nil && slices.ContainsFunc(list.Msg.GetQueues(), func(q *matchmakerv1.QueueInfo) bool { return q.GetName() == "second" }) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the queue is not there: %v %v", list, err)
		}
	}
}
