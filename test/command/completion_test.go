//go:build linux && amd64

package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// output runs a command and returns its standard output.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	return string(out)
}

// need skips the test if a program is not installed.
func need(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
}

// TestManualFresh: docs/hospes.1 is what the command writes, without errors in its markup.
func TestManualFresh(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "hospes")
	build(t, bin)
	const file = "../../docs/hospes.1"
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(output(t, bin, "man"), string(have)); diff != "" {
		t.Errorf("%s is not what hospes man writes; go generate ./cmd/hospes (-want +have)\n%s", file, diff)
	}
	need(t, "mandoc")
	if out, err := exec.Command("mandoc", "-T", "lint", "-W", "warning", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}

// What each shell is to complete: the words of a command line, of which the last is
// unfinished, and what it can become.
var completionTests = []struct {
	line string
	want []string
}{
	{"hospes --mapp", []string{"--mapping"}},
	{"hospes --mapping t", []string{"table"}},
	{"hospes --page-size ", []string{"16K", "4K", "64K"}},
	{"hospes uninst", []string{"uninstall"}},
	{"hospes install --re", []string{"--replace"}},
	{"hospes run --conf", []string{"--confine"}},
	{"hospes run --confine n", []string{"namespaces"}},
	{"hospes run --address", []string{"--address-bits"}},
	{"hospes completion f", []string{"fish"}},
	{"hospes -L d", []string{"dir"}},
	{"hospes --strace file", []string{"file.txt"}},
}

func TestCompletion(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin", "hospes")
	build(t, bin)
	t.Chdir(dir)
	if err := os.Mkdir("dir", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("file.txt", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	// Each shell is given the script, and a line.
	for shell, script := range map[string]string{
		"bash": `. ./script
			read -ra COMP_WORDS <<<"$1"
			case $1 in *" ") COMP_WORDS+=("") ;; esac
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
			_hospes
			printf '%s\n' "${COMPREPLY[@]}"`,
		"fish": `source ./script; complete -C "$argv[1]" | string replace -r '\t.*' ''; true`,
	} {
		t.Run(shell, func(t *testing.T) {
			need(t, shell)
			if err := os.WriteFile("script", []byte(output(t, bin, "completion", shell)), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, c := range completionTests {
				args := []string{"-c", script, shell, c.line}
				if shell == "fish" {
					args = []string{"-c", script, c.line}
				}
				got := strings.Fields(strings.ReplaceAll(output(t, shell, args...), "dir/", "dir"))
				slices.Sort(got)
				if diff := cmp.Diff(c.want, slices.Compact(got)); diff != "" {
					t.Errorf("%q (-want +got):\n%s", c.line, diff)
				}
			}
		})
	}
}

// TestCompletionBash is about what bash makes words of.
func TestCompletionBash(t *testing.T) {
	need(t, "bash")
	bin := filepath.Join(t.TempDir(), "hospes")
	build(t, bin)
	t.Chdir(filepath.Dir(bin))
	for _, name := range []string{"a file", "a root.tar"} {
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("script", []byte(output(t, bin, "completion", "bash")), 0o644); err != nil {
		t.Fatal(err)
	}
	const script = `. ./script; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _hospes; printf '%s\n' "${COMPREPLY[@]}"`
	for _, c := range []struct {
		words, want string
	}{
		{"hospes|--mapping|=|t", "table"},
		{"hospes|--mapping|=", "offset|table|direct"},
		{"hospes|--mapping|=|table|a f", "a file"},
		{"hospes|--mapping|=|table|--wx|--stra", "--strace"},
		{"hospes|run|--root|=|a r", "a root.tar"},
		{"hospes|a f", "a file"},
		{"hospes|prog|--mapping|a r", "a root.tar"},
	} {
		args := append([]string{"-c", script}, strings.Split(c.words, "|")...)
		args = slices.Insert(args, 2, "bash")
		if got := strings.ReplaceAll(strings.TrimSpace(output(t, "bash", args...)), "\n", "|"); got != c.want {
			t.Errorf("%s: %q, want %q", c.words, got, c.want)
		}
	}
}

// TestCompletionZsh looks at what zsh's own functions are asked to complete.
func TestCompletionZsh(t *testing.T) {
	need(t, "zsh")
	bin := filepath.Join(t.TempDir(), "hospes")
	build(t, bin)
	t.Chdir(filepath.Dir(bin))
	if err := os.WriteFile("script", []byte(output(t, bin, "completion", "zsh")), 0o644); err != nil {
		t.Fatal(err)
	}
	const script = `autoload -Uz compinit; compinit -u -D
. ./script
print -r -- "registered: $_comps[hospes]"
_arguments() { print -rl -- "$@" }
_describe() { print -rl -- ${(P)2} }
words=(${=1}) CURRENT=$#words
_hospes`
	for _, c := range []struct {
		line string
		want []string
	}{
		{"hospes -", []string{"registered: _hospes", "uninstall:undo that", "*-L[root of the guest's libraries and files]:DIR:_files -/", "*::program:_normal"}},
		{"hospes run -", []string{"*-v[have a path inside lead to a file or directory of the host]:HOST\\:GUEST\\:ro:_files", "*--mapping=[how guest memory is mapped; offset is the default]:value:(offset table direct)", "*::program:_normal"}},
		{"hospes install -", []string{"*--replace[disable other interpreters of these programs]"}},
		{"hospes completion b", []string{"1:completion:(bash zsh fish)"}},
	} {
		got := strings.Split(output(t, "zsh", "-f", "-c", script, "zsh", c.line), "\n")
		for _, w := range c.want {
			if !slices.Contains(got, w) {
				t.Errorf("%q: no %q in\n%s", c.line, w, strings.Join(got, "\n"))
			}
		}
	}
}
