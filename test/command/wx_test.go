//go:build linux && amd64

package command

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

const wxGuest = `
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
volatile unsigned long sink;
__attribute__((noinline)) void hot(int n) { for (int i = 0; i < n; i++) sink += i; }
__attribute__((noinline)) void more(int n) { for (int i = 0; i < n; i++) sink ^= i; }
int main(int argc, char **argv)
{
	hot(100000);
	struct rlimit none = {0, 0};
	if (argc > 1 && setrlimit(RLIMIT_FSIZE, &none))
		return 1;
	int p[2];
	if (pipe(p))
		return 1;
	pid_t pid = fork();
	if (pid == 0) {
		more(100000); // which the parent has not translated yet
		hot(100000);
		if (write(p[1], "x", 1) != 1)
			return 1;
		getchar();
		return sink == 0;
	}
	char c;
	if (read(p[0], &c, 1) != 1)
		return 1;
	more(100000);
	hot(100000);
	printf("%d\n", pid);
	fflush(stdout);
	int status;
	waitpid(pid, &status, 0);
	return status != 0;
}`

// buildWX builds hospes and a guest.
func buildWX(t *testing.T) (hospes, guest string) {
	dir := t.TempDir()
	hospes, guest = filepath.Join(dir, "hospes"), filepath.Join(dir, "guest")
	src := filepath.Join(dir, "guest.c")
	if out, err := exec.Command("go", "build", "-o", hospes, "github.com/hospes-vm/hospes/cmd/hospes").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if err := os.WriteFile(src, []byte(wxGuest), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("riscv64-linux-gnu-gcc", "-O1", "-static", "-o", guest, src).CombinedOutput(); err != nil {
		t.Skipf("riscv64-linux-gnu-gcc: %v\n%s", err, out)
	}
	return hospes, guest
}

// TestWX looks at the mappings of a process and its child when both have executed
// translated code: none is writable and executable, and the code of each is its own.
func TestWX(t *testing.T) {
	hospes, guest := buildWX(t)
	for _, option := range []string{"--wx", "--wx=0"} {
		parent, child := mappings(t, hospes, option, guest)
		if option == "--wx=0" { // that the test would see it
			if !writableCode.MatchString(parent) || !writableCode.MatchString(child) {
				t.Error("no writable code without --wx: the test sees nothing")
			}
			continue
		}
		for who, maps := range map[string]string{"parent": parent, "child": child} {
			if m := writableCode.FindString(maps); m != "" {
				t.Errorf("%s: %s", who, m)
			}
		}
		a, b := codeFiles(parent), codeFiles(child)
		if len(a) != 2 || len(b) != 2 || a["rw-s"] == "" || a["rw-s"] != a["r-xs"] || b["rw-s"] != b["r-xs"] || a["rw-s"] == b["rw-s"] {
			t.Errorf("files of the code cache: %v in the parent, %v in the child", a, b)
		}
	}
}

var (
	writableCode = regexp.MustCompile(`(?m)^.* [r-]wx.*$`)
	codeFile     = regexp.MustCompile(`(?m)^\S+ (\S{4}) \S+ \S+ (\d+) +/memfd:hospes-code`)
)

// codeFiles are the numbers of the files that the code cache is in, by permissions.
func codeFiles(maps string) map[string]string {
	files := map[string]string{}
	for _, m := range codeFile.FindAllStringSubmatch(maps, -1) {
		files[m[1]] = m[2]
	}
	return files
}

// mappings runs the guest and returns the mappings of both processes.
func mappings(t *testing.T, hospes, option, guest string) (parent, child string) {
	t.Helper()
	cmd := testcmd.Command(t, hospes, "--translate", "on", option, guest)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	read := func(pid string) string {
		b, err := os.ReadFile("/proc/" + pid + "/maps")
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
	parent, child = read(fmt.Sprint(cmd.Process.Pid)), read(strings.TrimSpace(line))
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v", option, err)
	}
	return parent, child
}

// TestNoCodeCache: a child for whose code cache there is no memory, as it may have no
// files, is interpreted.
func TestNoCodeCache(t *testing.T) {
	hospes, guest := buildWX(t)
	out, err := testcmd.Command(t, hospes, "--translate", "on", "--threshold", "0", "--wx", "--stats", guest, "limit").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	translated := regexp.MustCompile(`(?m)^translated: (\d+) blocks`).FindAllStringSubmatch(string(out), -1)
	interpreted := regexp.MustCompile(`(?m)^interpreted: .* (\d{6,}) instructions`).FindAllString(string(out), -1)
	if len(translated) != 2 || translated[0][1] != "0" || translated[1][1] == "0" || len(interpreted) != 1 {
		t.Errorf("translated %v, interpreted %q, want only the child interpreted\n%s", translated, interpreted, out)
	}
}

// TestDenyWriteExecute runs where the kernel refuses memory that is writable and
// executable, as services of systemd with MemoryDenyWriteExecute do.
func TestDenyWriteExecute(t *testing.T) {
	hospes, guest := buildWX(t)
	deny := filepath.Join(t.TempDir(), "deny")
	const text = `
#include <sys/prctl.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	if (prctl(65 /* PR_SET_MDWE */, 1 /* PR_MDWE_REFUSE_EXEC_GAIN */, 0, 0, 0))
		return 77;
	execv(argv[1], argv + 1);
	return 1;
}`
	cmd := exec.Command("gcc", "-x", "c", "-o", deny, "-")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("gcc: %v\n%s", err, out)
	}
	for option, want := range map[string]bool{"--wx": true, "--wx=0": false} {
		cmd := testcmd.Command(t, deny, hospes, "--translate", "on", option, "--stats", guest)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() == 77 {
			t.Skip("the kernel has no PR_SET_MDWE")
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", option, err, out)
		}
		got := regexp.MustCompile(`(?m)^translated: [1-9]`).MatchString(string(out))
		if got != want {
			t.Errorf("%s: translated: %v\n%s", option, got, out)
		}
	}
}
