package tag

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// codeLine is a line with code on it.
var codeLine = regexp.MustCompile(`(?m)^\s*[^/\s].*$|^\s*/[^/].*$`)

func TestTutorial_gameIsUnder100Lines(t *testing.T) {
	if n := len(codeLine.FindAll(read(t, "tag.go"), -1)); n >= 100 {
		t.Errorf("tag.go has %d lines of code", n)
	}
}

// fence is a code block of the tutorial that names the file it goes into.
var fence = regexp.MustCompile("(?ms)^```\\w+ (\\S+)\n(.*?)^```$")

// tutorialFiles are the files that a reader of docs/first-game.md ends up with.
func tutorialFiles(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, block := range fence.FindAllSubmatch(read(t, "../../docs/first-game.md"), -1) {
		name, code := string(block[1]), string(block[2])
		if files[name] != "" {
			code = "\n" + code
		}
		files[name] += code
	}
	return files
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTutorial_showsThisGame(t *testing.T) {
	files := tutorialFiles(t)
	for name, at := range map[string]string{"tag/tag.go": "tag.go", "wasm/main.go": "../wasm/testdata/tagwasm/main.go"} {
		want := strings.Split(string(read(t, at)), "\n")
		got := strings.Split(strings.ReplaceAll(files[name], `"mytag/tag"`, `"tactus/game/tag"`), "\n")
		want, got = plain(name, want), plain(name, got)
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				t.Errorf("docs/first-game.md, %s, line %d: differs from %s, which says %q", name, i+1, at, want[i])
				break
			}
		}
		if len(got) > len(want) {
			t.Errorf("docs/first-game.md has more of %s than %s", name, at)
		}
	}
	if _, test, _ := strings.Cut(files["tag/tag_test.go"], "func "); !bytes.Contains(read(t, "tag_test.go"), []byte("func "+test)) {
		t.Error("docs/first-game.md shows another test than tag_test.go has")
	}
}

// plain drops what a main package that is shown and one that is kept may differ
// in: the comment above, and how imports are grouped.
func plain(name string, lines []string) []string {
	if name != "wasm/main.go" {
		return lines
	}
	var kept, imports []string
	for _, line := range lines {
		switch {
		case line == "" || strings.HasPrefix(line, "// "):
		case strings.HasPrefix(line, "\t\""):
			imports = append(imports, line)
		default:
			kept = append(kept, line)
		}
	}
	if len(imports) == 2 && imports[0] > imports[1] {
		imports[0], imports[1] = imports[1], imports[0]
	}
	return append(kept, imports...)
}

// TestTutorial_builds writes the tutorial's files into an empty folder and
// compiles them against this checkout.
func TestTutorial_builds(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the whole program; not under -short")
	}
	dir := t.TempDir()
	for name, code := range tutorialFiles(t) {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// What go mod tidy would look up, the checkout's own go.sum knows.
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), read(t, "../../go.sum"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	run := func(env string, args ...string) {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
		if env != "" {
			cmd.Env = append(cmd.Env, strings.Fields(env)...)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run("", "mod", "init", "mytag")
	run("", "mod", "edit", "-require", "tactus@v0.0.0", "-replace", "tactus="+root)
	run("", "vet", ".", "./tag")
	run("GOOS=wasip1 GOARCH=wasm", "build", "-buildmode=c-shared", "-o", filepath.Join(dir, "page", "tag.wasm"), "./wasm")
}
