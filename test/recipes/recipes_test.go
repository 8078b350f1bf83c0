//go:build linux && amd64

// Package recipes tests docs/recipes.md: it writes the files that stand there, beside a
// small project for each tool, and executes the commands.
package recipes

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

const document = "../../docs/recipes.md"

// section is a part of the document: files by their names, and the commands of each block.
type section struct {
	files    map[string]string
	commands []string
}

// sections reads the document. What a fenced block is the line before it says: its language, and
// the name of the file.
var sections = sync.OnceValue(func() map[string]*section {
	text, err := os.ReadFile(document)
	if err != nil {
		panic(err)
	}
	all := map[string]*section{}
	var now *section
	var name, block string
	inside := false
	for line := range strings.Lines(string(text)) {
		title, isTitle := strings.CutPrefix(line, "## ")
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && !inside:
			inside, name, block = true, strings.TrimSpace(fence), ""
		case isFence && name == "sh":
			inside = false
			now.commands = append(now.commands, block)
		case isFence:
			inside = false
			_, file, _ := strings.Cut(name, " ")
			now.files[file] = block
		case inside:
			block += line
		case isTitle:
			now = &section{files: map[string]string{}}
			all[strings.TrimSpace(title)] = now
		}
	}
	return all
})

// hospes is the command under test.
var hospes string

func TestMain(m *testing.M) { os.Exit(testcmd.Run(m, &hospes)) }

// project is a directory with the files of a recipe and of a project in testdata.
type project struct {
	*section
	dir string
	env []string
}

func newProject(t *testing.T, title string, tools ...string) *project {
	t.Helper()
	s := sections()[title]
	if s == nil {
		t.Fatalf("%s has no section %q", document, title)
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	p := &project{s, t.TempDir(), append(os.Environ(), "PATH="+filepath.Dir(hospes)+":"+os.Getenv("PATH"))}
	for name, text := range s.files {
		p.write(t, name, text)
	}
	name := strings.ToLower(strings.Fields(title)[0])
	if a, err := txtar.ParseFile("testdata/" + name + ".txtar"); err == nil {
		for _, f := range a.Files {
			p.write(t, f.Name, string(f.Data))
		}
	} else if !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return p
}

func (p *project) write(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// sh runs commands, and returns what they write, and whether all succeeded.
func (p *project) sh(commands string, env ...string) (string, error) {
	cmd := exec.Command("sh", "-e", "-c", commands)
	cmd.Dir, cmd.Env = p.dir, append(p.env, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// succeed runs commands whose output is to have some texts.
func (p *project) succeed(t *testing.T, commands string, want ...string) {
	t.Helper()
	out, err := p.sh(commands)
	if err != nil {
		t.Fatalf("%s: %v\n%s", commands, err, out)
	}
	contains(t, out, want...)
}

// fail runs commands of which one is to fail.
func (p *project) fail(t *testing.T, commands string, env []string, want ...string) {
	t.Helper()
	out, err := p.sh(commands, env...)
	if err == nil {
		t.Errorf("%s has not failed\n%s", commands, out)
	}
	contains(t, out, want...)
}

func contains(t *testing.T, out string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("no %q in\n%s", w, out)
		}
	}
}

// A test of a project fails if FAIL is in the environment: that must reach it, and its
// failure must be seen.
var failing = []string{"FAIL=1"}

func TestGo(t *testing.T) {
	p := newProject(t, "Go", "go", "riscv64-linux-gnu-gcc")
	p.succeed(t, strings.Replace(p.commands[0], "./...", "-v ./...", 1), "arch riscv64", "ok ")
	p.fail(t, p.commands[0], failing, "asked to", "FAIL")
	p.succeed(t, p.commands[1], "hello from C on riscv64")
}

func TestCMake(t *testing.T) {
	p := newProject(t, "CMake", "cmake", "ctest", "make", "riscv64-linux-gnu-gcc")
	p.succeed(t, p.commands[0], "configured on riscv64", "100% tests passed")
	p.fail(t, "ctest --test-dir build", failing, "50% tests passed")
}

func TestMeson(t *testing.T) {
	p := newProject(t, "Meson", "meson", "ninja", "riscv64-linux-gnu-gcc")
	p.succeed(t, p.commands[0], "configured on riscv64", "Ok: ", "Fail: ")
	p.fail(t, "meson test -C build", failing, "1/1", "FAIL")
}

// TestCargo uses the standard library for riscv64 if Rust has it here. If not, cargo builds for
// this machine, with a linker that puts a riscv64 program in place of what it
// links, so that what cargo says to a runner is tested, and what it makes of the answer.
func TestCargo(t *testing.T) {
	p := newProject(t, "Cargo", "cargo", "rustc", "riscv64-linux-gnu-gcc")
	const target = "riscv64gc-unknown-linux-gnu"
	sysroot, err := p.sh("rustc --print sysroot")
	if err != nil {
		t.Skipf("rustc does not run: %s", sysroot)
	}
	if _, err := os.Stat(filepath.Join(strings.TrimSpace(sysroot), "lib/rustlib", target, "lib")); err == nil {
		_, build, _ := strings.Cut(p.commands[0], "\n") // the library is there
		p.succeed(t, build, "test result: ok")
		p.fail(t, build, failing, "test result: FAILED")
		return
	}
	t.Logf("Rust's standard library for %s is not installed: only the protocol of runners is tested", target)
	p.succeed(t, "riscv64-linux-gnu-gcc -O1 -static -o stand-in stand-in.c")
	host, err := p.sh("rustc --print host-tuple")
	if err != nil {
		t.Fatal(host)
	}
	variable := "CARGO_TARGET_" + strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(host), "-", "_"))
	p.env = append(p.env, variable+"_RUNNER=hospes", variable+"_LINKER="+filepath.Join(p.dir, "linker.sh"))
	p.succeed(t, "cargo run --offline -q -- one 'two words'", "[one] [two words]", "on riscv64")
	p.succeed(t, "cargo test --offline -q", "on riscv64")
	p.fail(t, "cargo test --offline -q", failing, "asked to")
}

// TestContainers executes what the image's entry point is, with nothing but the image's
// files, and then a program in a root that knows nothing of hospes.
func TestContainers(t *testing.T) {
	p := newProject(t, "Container builders", "unshare", "riscv64-linux-gnu-gcc")
	const isolated = `unshare --user --map-root-user --mount --pid --fork --mount-proc sh -e -c `
	if out, err := p.sh(isolated + `'mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc'`); err != nil {
		t.Skipf("binfmt_misc cannot be mounted in a user namespace: %s", out)
	}
	p.succeed(t, "mkdir root image image/proc; riscv64-linux-gnu-gcc -O1 -static -o root/prog prog.c")
	p.write(t, "builder", p.commands[0]+"\nhospes status\nchroot root /prog script\n")
	p.succeed(t, isolated+"'. ./builder'", "programs are interpreted by this hospes", "[script] on riscv64")
	p.write(t, "container", `mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc # as on the host
mount -t proc proc image/proc
chroot image `+p.container(t)+`
umount image/proc/sys/fs/binfmt_misc image/proc
rm -r image
chroot root /prog container
`)
	p.succeed(t, isolated+"'. ./container'", "registered hospes-riscv64", "[container] on riscv64")
	p.fail(t, isolated+"'chroot root /prog nothing'", nil) // with nothing registered
}

// container copies to the directory image what the Dockerfile says, and returns what it
// starts.
func (p *project) container(t *testing.T) string {
	t.Helper()
	var entry, args []string
	for line := range strings.Lines(p.files["Dockerfile"]) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		var err error
		switch instruction {
		case "FROM":
			if rest != "scratch" {
				t.Errorf("the image is not empty at first: %s", line)
			}
		case "COPY":
			from, to, _ := strings.Cut(rest, " ")
			p.succeed(t, "cp $(command -v "+from+") image"+to)
		case "ENTRYPOINT":
			err = json.Unmarshal([]byte(rest), &entry)
		case "CMD":
			err = json.Unmarshal([]byte(rest), &args)
		default:
			t.Errorf("an instruction that is not tested: %s", line)
		}
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	return strings.Join(append(entry, args...), " ")
}

// TestKubernetes has the module kubernetes check the manifest, and manifests with
// mistakes.
func TestKubernetes(t *testing.T) {
	p := newProject(t, "Kubernetes", "go")
	check := filepath.Join(p.dir, "check")
	build := exec.Command("go", "build", "-o", check, ".")
	build.Dir = "kubernetes"
	build.Env = append(os.Environ(), "GOFLAGS=-mod=readonly")
	if out, err := build.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "dial tcp") || strings.Contains(string(out), "module lookup disabled") {
			t.Skipf("the types of Kubernetes cannot be fetched: %s", out)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	p.succeed(t, "./check daemonset.yaml", "daemonset.yaml is a DaemonSet")
	for from, to := range map[string]string{
		"privileged: true":      "priviledged: true",
		"initContainers:":       "initContainer:",
		"kind: DaemonSet":       "kind: Deployment",
		"memory: 128Mi":         "memory: much",
		"name: pause":           "name: install",
		"memory: 16Mi":          "memory: 4Mi",
		"replace\"]":            "replace\"",
		"{name: binfmt":         "{name: other",
		"name: hospes-binfmt\n": "name: Hospes Binfmt\n",
	} {
		bad := strings.Replace(p.files["daemonset.yaml"], from, to, 1)
		if bad == p.files["daemonset.yaml"] {
			t.Fatalf("the manifest has no %q", from)
		}
		p.write(t, "bad.yaml", bad)
		p.fail(t, "./check bad.yaml", nil, "bad.yaml: ")
	}
}

// TestAll: there is no section without a test.
func TestAll(t *testing.T) {
	tested := []string{"Go", "Cargo", "CMake", "Meson", "Container builders", "Kubernetes"}
	if len(sections()) != len(tested) {
		t.Errorf("%s has %d sections, of which %d are tested", document, len(sections()), len(tested))
	}
}
