package tactuscmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// releaseRepository is a small repository with what a release changes.
func releaseRepository(t *testing.T, changelog string) string {
	t.Helper()
	dir := t.TempDir()
	for name, from := range map[string]string{".ci/release": "../.ci/release", "client-js/package.json": "../client-js/package.json", "client-js/package-lock.json": "../client-js/package-lock.json"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "CHANGELOG.md"), []byte(changelog), 0o644); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "init", "-q", "-b", "main")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "start")
	return dir
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...)
	c.Env = gitEnvironment()
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func gitEnvironment() []string {
	env := append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	for _, role := range []string{"AUTHOR", "COMMITTER"} {
		env = append(env, "GIT_"+role+"_NAME=Release Test", "GIT_"+role+"_EMAIL=release@example.com")
	}
	return env
}

// release runs the script without its builds.
func release(t *testing.T, dir, version string) (string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), filepath.Join(dir, ".ci/release"), "--no-build", version)
	c.Env = gitEnvironment()
	out, err := c.CombinedOutput()
	return string(out), err
}

const releaseChangelog = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [0.0.9] - 2026-01-02\n\n- Old.\n"

func TestRelease_tagsTheChangelogAndRecordsTheCommit(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash")
	}
	dir := releaseRepository(t, releaseChangelog)
	if out, err := release(t, dir, "v0.1.0"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := git(t, dir, "log", "--format=%s", "v0.1.0", "-1"); got != "release: v0.1.0" {
		t.Errorf("the tag is on %q", got)
	}
	if got := git(t, dir, "cat-file", "-t", "v0.1.0"); got != "tag" {
		t.Errorf("v0.1.0 is a %s, want an annotated tag", got)
	}
	if notes := git(t, dir, "tag", "-l", "--format=%(contents)", "v0.1.0"); !strings.Contains(notes, "- A thing.") || strings.Contains(notes, "Old") {
		t.Errorf("the tag's message is %q", notes)
	}
	if p := git(t, dir, "show", "v0.1.0:client-js/package.json"); !strings.Contains(p, `"version": "0.1.0"`) {
		t.Error("the npm package has another version")
	}
	text, err := os.ReadFile(filepath.Join(dir, "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	commit := git(t, dir, "rev-parse", "v0.1.0^{commit}")
	_, after, _ := strings.Cut(string(text), "## [Unreleased]\n\n## [0.1.0] - ")
	if _, rest, _ := strings.Cut(after, "\n"); !strings.HasPrefix(rest, "\nCommit: "+commit+"\n\n### Added\n") {
		t.Errorf("the CHANGELOG is\n%s", text)
	}
	if status := git(t, dir, "status", "--porcelain"); status != "" {
		t.Errorf("left behind: %s", status)
	}
}

func TestRelease_refusesWhatCannotBeReleased(t *testing.T) {
	if testing.Short() {
		t.Skip("plays with a process of its own: nothing for the race detector")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash")
	}
	for name, c := range map[string]struct {
		version, changelog, file string
		want                     string
	}{
		"version":    {"0.1.0", releaseChangelog, "", "must look like"},
		"dirty tree": {"v0.1.0", releaseChangelog, "stray", "uncommitted"},
		"no text":    {"v0.1.0", "# Changelog\n\n## [Unreleased]\n", "", "nothing in Unreleased"},
		"used tag":   {"v0.0.9", releaseChangelog, "", "exists on another commit"},
	} {
		dir := releaseRepository(t, c.changelog)
		git(t, dir, "tag", "v0.0.9")
		git(t, dir, "commit", "-q", "--allow-empty", "-m", "later")
		if c.file != "" {
			if err := os.WriteFile(filepath.Join(dir, c.file), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if out, err := release(t, dir, c.version); err == nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v, %q", name, err, out)
		}
		if tags := git(t, dir, "tag"); tags != "v0.0.9" {
			t.Errorf("%s: tags %q", name, tags)
		}
	}
}
